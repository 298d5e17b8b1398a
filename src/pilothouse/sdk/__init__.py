"""What users import in their apps: traces, sessions, users, scores and prompts, on OpenTelemetry's SDK.

Light: it loads nothing of the server. Nothing here raises into the app or makes it wait; what cannot be sent is counted
by `dropped()`.
"""

try:
    from pilothouse.sdk.carried import metadata, session, tags, user
    from pilothouse.sdk.instrumentors import instrument
    from pilothouse.sdk.prompts import Prompt, PromptUnavailable, get_prompt
    from pilothouse.sdk.scores import score
    from pilothouse.sdk.setup import dropped, flush, init, shutdown
    from pilothouse.sdk.spans import Span, current, headers, span
    from pilothouse.sdk.tracing import trace
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in ("opentelemetry", "requests"):
        raise
    raise ModuleNotFoundError(
        "pilothouse.sdk needs OpenTelemetry's SDK; install it with: pip install 'pilothouse[sdk]'", name=error.name
    ) from error

__all__ = [
    "Prompt", "PromptUnavailable", "Span", "current", "dropped", "flush", "get_prompt", "headers", "init", "instrument",
    "metadata", "score", "session", "shutdown", "span", "tags", "trace", "user",
]  # fmt: skip
