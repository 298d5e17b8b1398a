"""Finish reasons, both ways."""

from collections.abc import Iterable

from pilothouse.domain.chat import Part, Refusal, StopReason, ToolCall

_IN = {
    "stop": StopReason.END,
    "length": StopReason.LENGTH,
    "tool_calls": StopReason.TOOL_CALLS,
    "function_call": StopReason.TOOL_CALLS,
    "content_filter": StopReason.FILTERED,
    # Mistral's words.
    "model_length": StopReason.CONTEXT_FULL,
    "error": StopReason.BROKEN,
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


def ended(stop: StopReason, kinds: Iterable[type[Part]]) -> StopReason:
    """Return why an answer of those kinds of parts ended: OpenAI says `stop` of a forced tool call and of a refusal."""
    if stop not in (StopReason.END, StopReason.UNKNOWN):
        return stop
    found = set(kinds)
    if ToolCall in found:
        return StopReason.TOOL_CALLS
    return StopReason.REFUSED if Refusal in found else stop


def finish_reason(stop: StopReason) -> str:
    """Return chat's word for the end of an answer."""
    return _OUT.get(stop, "stop")
