"""The doors for OpenTelemetry: HTTP and gRPC, for every SDK's addresses and ways to send a key.

They check the key, look the request through, and answer once the spool has it; merging and pricing follow behind.
"""
