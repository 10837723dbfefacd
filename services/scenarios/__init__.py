"""Scenarios: whole stories of the assessment as text files, played in memory and on real parts with the same ends."""
