"""A recorded Responses stream as the one whole answer it stands for."""

from typing import Any, cast

from pilothouse.protocols import openai_error, sse
from pilothouse.protocols.loose import count, mapping, text
from pilothouse.protocols.openai_responses import wire

_LISTS = {
    "response.output_text": ("content", "content_index", "text", "output_text"),
    "response.refusal": ("content", "content_index", "refusal", "refusal"),
    "response.reasoning_text": ("content", "content_index", "text", "reasoning_text"),
    "response.reasoning_summary_text": ("summary", "summary_index", "text", "summary_text"),
}
_FIELDS = {
    "response.function_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.mcp_call_arguments": "arguments",
    "response.code_interpreter_call_code": "code",
}
_FINAL = ("response.completed", "response.incomplete", "response.failed")


def fold(raw_sse: bytes) -> bytes:
    """Return the stream as one response object; tolerant of a cut tail, of comments and of odd events.

    It is the object of the last event if that came, else put together from the items and deltas so far. An error of the
    stream stands in `error`. A body that is whole JSON already comes back as it is.
    """
    if raw_sse.lstrip()[:1] == b"{":
        return raw_sse
    folded = _Folded()
    for frame in sse.frames(raw_sse):
        name, data = sse.parse(frame)
        document = mapping(wire.decode(data)) if data else {}
        if document:
            folded.add(document)
        elif name == b"error":
            folded.error = {"message": data.decode(errors="replace")}
    return wire.encode(folded.document())


class _Folded:
    def __init__(self) -> None:
        self.response: dict[str, Any] = {"object": "response", "status": "in_progress"}
        self.items: dict[int, dict[str, Any]] = {}
        self.final = False
        self.error: Any = None

    def add(self, event: dict[str, Any]) -> None:
        kind = text(event.get("type"))
        if isinstance(event.get("response"), dict):
            self.response = mapping(event["response"])
            self.final = self.final or kind in _FINAL
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self.items[count(event.get("output_index"))] = dict(mapping(event.get("item")))
        elif kind == "error" or (event.get("error") and not kind.startswith("response.")):
            self.error = _error(event)
        else:
            name, _, verb = kind.rpartition(".")
            if verb in ("delta", "done"):
                self._piece(name, event, whole=verb == "done")

    def document(self) -> dict[str, Any]:
        out = dict(self.response)
        if not self.final or (self.items and not out.get("output")):
            out["output"] = [item for _, item in sorted(self.items.items())]
        if self.error is not None:
            out["error"] = out.get("error") or self.error
        return out

    def _piece(self, name: str, event: dict[str, Any], *, whole: bool) -> None:
        item = self.items.setdefault(count(event.get("output_index")), _begun(name, event))
        if name in _FIELDS:
            _put(item, _FIELDS[name], event, whole=whole)
        elif name in _LISTS:
            listed, index, key, kind = _LISTS[name]
            _put(_slot(item, listed, count(event.get(index)), kind), key, event, whole=whole)


def _begun(name: str, event: dict[str, Any]) -> dict[str, Any]:
    identity = text(event.get("item_id"))
    if name.startswith("response.reasoning"):
        return {"id": identity, "type": "reasoning", "summary": []}
    if name in _FIELDS:
        return {"id": identity, "type": "function_call"}
    return {"id": identity, "type": "message", "role": "assistant", "content": []}


def _slot(item: dict[str, Any], listed: str, index: int, kind: str) -> dict[str, Any]:
    held = item.get(listed)
    parts: list[Any] = list(cast("list[Any]", held)) if isinstance(held, list) else []
    item[listed] = parts
    if index >= len(parts) or not isinstance(parts[index], dict):
        parts.insert(index, {"type": kind})
        return parts[min(max(index, 0), len(parts) - 1)]
    return parts[index]


def _put(holder: dict[str, Any], key: str, event: dict[str, Any], *, whole: bool) -> None:
    if whole and isinstance(event.get(key), str):
        holder[key] = event[key]
    elif not whole:
        holder[key] = text(holder.get(key)) + text(event.get("delta"))


def _error(event: dict[str, Any]) -> Any:
    inner = event.get("error")
    if inner:
        return inner
    found = openai_error.find_error(event, b"")
    return {"code": event.get("code"), "message": found.message if found is not None else ""}
