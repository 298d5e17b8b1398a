"""The pooled upstream HTTP/1.1 client of the hot path.

Owns connections, framing, timeouts and back-pressure. Knows nothing of models, providers, keys or JSON.
"""
