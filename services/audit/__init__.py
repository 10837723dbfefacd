"""Proving from the records: recomputing everything they claim."""
