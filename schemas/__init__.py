"""What is said: one `.avsc` file a message, the records generated from them, and the codec.

`records.py` and `ids.json` are made by `python -m schemas.generate` and committed; they are never edited.
"""
