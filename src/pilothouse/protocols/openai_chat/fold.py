"""A recorded chat stream as the one whole answer it stands for."""

import json
from typing import Any, cast

import msgspec

from pilothouse.protocols import openai_error, sse
from pilothouse.protocols.openai_chat.content_fold import FoldedContent

_DECODER = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()

_SKIPPED = frozenset({"delta", "logprobs", "index", "finish_reason"})


def fold(raw_sse: bytes) -> bytes:
    """Return the stream as one `chat.completion` JSON object; tolerant of a cut tail, of comments and of odd events.

    Text, reasoning, refusals and tool calls are put together for each choice; log probabilities are left out. An error
    object of the stream stands in `error`. A body that is whole JSON already comes back as it is.
    """
    if raw_sse.lstrip()[:1] == b"{":
        return raw_sse
    folded = _Folded()
    for frame in sse.frames(raw_sse):
        name, data = sse.parse(frame)
        if not data or data == b"[DONE]":
            continue
        document = _decode(data)
        if name == b"error":
            folded.error = _error(document, data)
        elif isinstance(document, dict):
            folded.add(cast("dict[str, Any]", document))
    return _encode(folded.document())


class _Folded:
    def __init__(self) -> None:
        self.shared: dict[str, Any] = {}
        self.choices: dict[int, _FoldedChoice] = {}
        self.usage: Any = None
        self.error: Any = None

    def add(self, chunk: dict[str, Any]) -> None:
        if "choices" not in chunk and not chunk.get("error") and openai_error.find_error(chunk, b""):
            self.error = chunk
            return
        for key, value in chunk.items():
            if key == "choices":
                self._add_choices(value)
            elif key == "usage":
                self.usage = value or self.usage
            elif key == "error":
                self.error = value or self.error
            elif value is not None and key not in ("object", "obfuscation"):
                self.shared.setdefault(key, value)

    def document(self) -> dict[str, Any]:
        choices = [choice.document(index) for index, choice in sorted(self.choices.items())]
        out: dict[str, Any] = {**self.shared, "object": "chat.completion", "choices": choices}
        if self.usage is not None:
            out["usage"] = self.usage
        if self.error is not None:
            out["error"] = self.error
        return out

    def _add_choices(self, value: Any) -> None:
        if not isinstance(value, list):
            return
        for choice in cast("list[Any]", value):
            if isinstance(choice, dict):
                fields = cast("dict[str, Any]", choice)
                index: Any = fields.get("index")
                place = index if isinstance(index, int) else 0
                self.choices.setdefault(place, _FoldedChoice()).add(fields)


class _FoldedChoice:
    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.other: dict[str, Any] = {}
        self.around: dict[str, Any] = {}
        self.role = "assistant"
        self.finish_reason: Any = None
        self.calls = _FoldedCalls()
        self.content = FoldedContent()

    def add(self, choice: dict[str, Any]) -> None:
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        for key, value in choice.items():
            if key not in _SKIPPED and value is not None:
                self._add_around(key, value)
        delta: Any = choice.get("delta")
        if isinstance(delta, dict):
            for key, value in cast("dict[str, Any]", delta).items():
                if value is not None:
                    self._add_field(key, value)

    def document(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": self.role, "content": self.content.document()}
        message.update({key: "".join(parts) for key, parts in self.texts.items()})
        for key, value in self.other.items():
            if key not in self.texts or not message[key]:
                message[key] = value
        calls = self.calls.document()
        if calls:
            message["tool_calls"] = calls
        return {"index": index, **self.around, "message": message, "finish_reason": self.finish_reason}

    def _add_around(self, key: str, value: Any) -> None:
        if key == "text" and isinstance(value, str):
            self.content.add(value)
        else:
            self.around[key] = value

    def _add_field(self, key: str, value: Any) -> None:
        if key == "role":
            self.role = value if isinstance(value, str) and value else self.role
        elif key == "tool_calls":
            self.calls.add(value)
        elif key == "content" and isinstance(value, str | list):
            self.content.add(cast("str | list[Any]", value))
        elif isinstance(value, str):
            self.texts.setdefault(key, []).append(value)
        elif isinstance(value, list):
            self._extend(key, cast("list[Any]", value))
        elif isinstance(value, dict):
            self.other[key] = _merge(self.other.get(key), cast("dict[str, Any]", value))
        else:
            self.other[key] = value

    def _extend(self, key: str, items: list[Any]) -> None:
        held: Any = self.other.get(key)
        self.other[key] = [*cast("list[Any]", held), *items] if isinstance(held, list) else items


def _merge(held: Any, new: dict[str, Any]) -> dict[str, Any]:
    """Put the pieces of an object (`function_call`, `audio`) together: join texts, of anything else keep the last."""
    out: dict[str, Any] = dict(cast("dict[str, Any]", held)) if isinstance(held, dict) else {}
    for key, value in new.items():
        old: Any = out.get(key)
        joins = isinstance(old, str) and isinstance(value, str) and key not in ("id", "name")
        out[key] = old + value if joins else value
    return out


class _Call:
    def __init__(self, place: int) -> None:
        self.place = place
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []
        self.other: dict[str, Any] = {}


class _FoldedCalls:
    """Tool calls of one choice.

    The index tells parallel calls apart where servers set it rightly; where all stand on index 0 or the index is
    missing, another id together with a name starts another call.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}
        self._last: _Call | None = None

    def add(self, value: Any) -> None:
        for item in cast("list[Any]", value) if isinstance(value, list) else ():
            if isinstance(item, dict):
                self._add_piece(cast("dict[str, Any]", item))

    def document(self) -> list[dict[str, Any]]:
        ordered = sorted(self._calls, key=lambda call: call.place)
        return [
            {
                "id": call.id,
                "type": "function",
                **call.other,
                "function": {"name": call.name, "arguments": "".join(call.arguments)},
            }
            for call in ordered
        ]

    def _add_piece(self, piece: dict[str, Any]) -> None:
        function: Any = piece.get("function")
        fields: dict[str, Any] = cast("dict[str, Any]", function) if isinstance(function, dict) else {}
        name, identity = _text(fields.get("name")), _text(piece.get("id"))
        arguments: Any = fields.get("arguments")
        call = self._call_for(piece.get("index"), identity, name, arguments)
        call.id = call.id or identity
        call.name = call.name or name
        if isinstance(arguments, str):
            call.arguments.append(arguments)
        elif arguments is not None:
            call.arguments.append(_encode(arguments).decode())
        for key, value in piece.items():
            if key not in ("index", "id", "function", "type") or (key == "type" and value and value != "function"):
                call.other[key] = value

    def _call_for(self, index: Any, identity: str, name: str, arguments: Any) -> _Call:
        known = self._by_index.get(index) if isinstance(index, int) else self._by_id(identity) or self._last
        if known is None or _is_another(known, identity, name, arguments):
            known = _Call(index if isinstance(index, int) else len(self._calls))
            self._calls.append(known)
            if isinstance(index, int):
                self._by_index[index] = known
        self._last = known
        return known

    def _by_id(self, identity: str) -> _Call | None:
        if not identity:
            return None
        return next((call for call in self._calls if call.id == identity), None)


def _is_another(known: _Call, identity: str, name: str, arguments: Any) -> bool:
    if not name:
        return False
    if identity and known.id:
        return identity != known.id
    return bool(arguments) and known.name != "" and _is_json("".join(known.arguments))


def _is_json(text: str) -> bool:
    return bool(text) and _decode(text.encode(errors="replace")) is not None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _error(document: Any, data: bytes) -> Any:
    if document is None:
        return {"message": data.decode(errors="replace")}
    found = openai_error.find_error(document, data)
    inner: Any = cast("dict[str, Any]", document).get("error") if isinstance(document, dict) else None
    if inner or found is None:
        return inner or cast("Any", document)
    return {"message": found.message, "type": found.type}


def _decode(data: bytes) -> Any:
    """Return the value, None when it is not JSON. The standard parser is the second try: it takes halves of surrogate
    pairs, which some servers send one event each."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _encode(document: Any) -> bytes:
    try:
        return _ENCODER.encode(document)
    except UnicodeEncodeError:
        # Halves of surrogate pairs that belong together join in UTF-16; what stays alone becomes U+FFFD.
        text = json.dumps(document, ensure_ascii=False)
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.encode()
