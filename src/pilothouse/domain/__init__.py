"""Frozen nouns and pure rules of the product; no I/O, and no knowledge of any other room."""
