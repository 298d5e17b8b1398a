"""Chat answers that come whole."""

from typing import Any, cast

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_error, openai_usage
from pilothouse.protocols.base import Reply


class _Choice(msgspec.Struct):
    finish_reason: Any = None


class _Body(msgspec.Struct):
    model: Any = None
    choices: list[_Choice] | None = None
    usage: openai_usage.RawUsage | None = None
    error: Any = None
    service_tier: Any = None


_DECODER = msgspec.json.Decoder(_Body)
_ANY = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of a chat answer.

    An error object that came in place of an answer is in `Reply.error`. Raises `UpstreamProtocol` for anything that is
    neither.
    """
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient(body)
    if found.choices is None or found.error:
        return _lenient(body)
    finish: Any = found.choices[0].finish_reason if found.choices else None
    usage = openai_usage.buckets(found.usage) if found.usage is not None else None
    usage = openai_usage.tiered(usage, found.service_tier)
    return Reply(model=_text(found.model), usage=usage, finish_reason=_text(finish))


def to_stream(body: bytes) -> bytes:
    """Return a whole chat answer as the events of a stream, for a server that does not stream though it was asked to.

    Raises as `read_reply`.
    """
    read_reply(body)
    whole: dict[str, Any] = _ANY.decode(body)
    if "choices" not in whole:
        return b"data: " + body.strip().replace(b"\n", b"").replace(b"\r", b"") + b"\n\n"
    shared = {key: value for key, value in whole.items() if key not in ("choices", "usage", "object")}
    shared["object"] = "chat.completion.chunk"
    events = [_chunk(shared, _objects(whole["choices"]))]
    if whole.get("usage"):
        events.append(_event({**shared, "choices": [], "usage": whole["usage"]}))
    events.append(b"data: [DONE]\n\n")
    return b"".join(events)


def _chunk(shared: dict[str, Any], choices: list[dict[str, Any]]) -> bytes:
    out: list[dict[str, Any]] = []
    for place, choice in enumerate(choices):
        message: Any = choice.get("message")
        delta: dict[str, Any] = dict(cast("dict[str, Any]", message)) if isinstance(message, dict) else {}
        calls = _objects(delta.get("tool_calls"))
        if calls:
            delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
        rest = {key: value for key, value in choice.items() if key != "message"}
        out.append({"index": place, **rest, "delta": delta})
    return _event({**shared, "choices": out})


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + _ENCODER.encode(document) + b"\n\n"


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[Any]", value) if isinstance(item, dict)]


def _lenient(body: bytes) -> Reply:
    """The way for odd bodies: an error object, or fields of types that nobody should send."""
    try:
        document: Any = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol("the provider's answer is not JSON", upstream_status=200, body=body[:65536]) from error
    found = openai_error.find_error(document, body)
    if found is not None:
        return Reply(error=found)
    if not isinstance(document, dict) or not isinstance(cast("dict[str, Any]", document).get("choices"), list):
        raise UpstreamProtocol("the provider's answer has no choices", upstream_status=200, body=body[:65536])
    whole = cast("dict[str, Any]", document)
    choices = _objects(whole["choices"])
    return Reply(
        model=_text(whole.get("model")),
        usage=openai_usage.tiered(openai_usage.read(whole.get("usage")), whole.get("service_tier")),
        finish_reason=_text(choices[0].get("finish_reason")) if choices else "",
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
