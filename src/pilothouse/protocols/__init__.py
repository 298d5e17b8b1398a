"""Model-API dialects as pure codecs between bytes and values; no I/O, and no knowledge of accounts or prices."""
