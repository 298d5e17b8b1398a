"""The query language: text to a tree of conditions and back, its fields, and where completion stands. Pure; no SQL."""
