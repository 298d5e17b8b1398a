"""Langfuse's public API, as its SDKs of the generations 2 to 5 use it; OpenTelemetry comes in at its own door."""
