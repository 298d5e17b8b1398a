"""The store process: the embedded engine behind ClickHouse's own HTTP protocol on loopback.

It knows SQL bytes and HTTP, and nothing of spans or tables. Only `engine.py` imports the engine, and only the store
process imports that module: the engine starts threads when it is imported and must never be forked after.
"""
