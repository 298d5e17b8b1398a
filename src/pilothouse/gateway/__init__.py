"""The hot path: takes a model call in, has it answered upstream, and leaves exactly one record of it.

Owns the pipeline and its stages. Needs a snapshot, the providers and a spool; knows neither the store nor the registry,
so that nothing that happens there can slow or stop a call.
"""
