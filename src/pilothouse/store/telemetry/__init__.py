"""The telemetry store's client: spans in, traces and figures out, in ClickHouse SQL over HTTP.

The same schema, statements and client serve the embedded store process and a ClickHouse server or cluster. It knows
spans and tables, and nothing of how spans come in or how answers are shown.

`Telemetry` is in `client`, `StoreOptions` in `options`; nothing is imported here, because settings and the gateway
process need the options without the database driver.
"""
