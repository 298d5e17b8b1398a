"""Finish reasons, both ways."""

from pilothouse.domain.chat import StopReason

_IN = {
    "stop": StopReason.END,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.FILTERED,
}
_OUT = {
    StopReason.LENGTH: "length",
    StopReason.CONTEXT_FULL: "length",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.FILTERED: "content_filter",
}


def stop_reason(word: str) -> StopReason:
    """Return what a finish reason means; a word that is not known is `UNKNOWN`."""
    return _IN.get(word, StopReason.UNKNOWN)


def finish_reason(stop: StopReason) -> str:
    """Return chat's word for the end of an answer."""
    return _OUT.get(stop, "stop")
