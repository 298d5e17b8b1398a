"""OpenTelemetry's bytes into span patches, whatever vocabulary their attributes speak.

It owns the two encodings of OTLP and what each instrumentation means by its attributes. It knows no HTTP, no key and no
store, and does no I/O.
"""
