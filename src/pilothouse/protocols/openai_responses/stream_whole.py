"""A whole answer as the events of a stream, for a server that does not stream though it was asked to."""

from collections.abc import Iterator
from typing import Any

from pilothouse.protocols import openai_error
from pilothouse.protocols.loose import objects, text
from pilothouse.protocols.openai_responses.reply import event_of, read_response, response_error
from pilothouse.protocols.openai_responses.stream_events import Numbered, Spot
from pilothouse.protocols.openai_responses.wire import decode

_KINDS = {"output_text": ("output_text", "text"), "refusal": ("refusal", "refusal")}


def to_stream(body: bytes) -> bytes:
    """Return the events; an error object becomes an error event. Raises `UpstreamProtocol` when it is neither."""
    found = openai_error.find_error(decode(body), body)
    if found is not None:
        told = {"type": "error", "code": found.code, "message": found.message, "param": found.param or None}
        return event_of({**told, "sequence_number": 0})
    response = read_response(body)
    made = Numbered()
    begun: dict[str, Any] = {
        **response,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "incomplete_details": None,
    }
    out = [made.event("created", response=begun), made.event("in_progress", response=begun)]
    for place, item in enumerate(objects(response["output"])):
        out.extend(_item(made, item, place))
    failed = response_error(response, body) is not None
    status = "failed" if failed else "incomplete" if response.get("status") == "incomplete" else "completed"
    out.append(made.event(status, response=response))
    return b"".join(out)


def _item(made: Numbered, item: dict[str, Any], place: int) -> Iterator[bytes]:
    kind, identity = item.get("type"), text(item.get("id"))
    if kind == "message":
        yield made.event("output_item.added", output_index=place, item={**item, "status": "in_progress", "content": []})
        for number, part in enumerate(objects(item.get("content"))):
            yield from _content(made, part, Spot(identity, place, "content_index", number))
    elif kind == "function_call":
        yield made.event("output_item.added", output_index=place, item={**item, "arguments": ""})
        arguments, spot = text(item.get("arguments")), Spot(identity, place)
        yield made.event("function_call_arguments.delta", **spot.fields, delta=arguments)
        yield made.event("function_call_arguments.done", **spot.fields, arguments=arguments, name=item.get("name"))
    else:
        yield made.event("output_item.added", output_index=place, item=item)
    yield made.event("output_item.done", output_index=place, item=item)


def _content(made: Numbered, part: dict[str, Any], spot: Spot) -> Iterator[bytes]:
    known = _KINDS.get(text(part.get("type")))
    if known is None:
        yield made.event("content_part.added", **spot.fields, part=part)
    else:
        name, key = known
        extra: dict[str, Any] = {"logprobs": part.get("logprobs") or []} if name == "output_text" else {}
        empty: dict[str, Any] = {"annotations": [], "logprobs": []} if name == "output_text" else {}
        yield made.event("content_part.added", **spot.fields, part={"type": name, key: "", **empty})
        yield made.event(f"{name}.delta", **spot.fields, delta=text(part.get(key)), **extra)
        yield made.event(f"{name}.done", **spot.fields, **{key: text(part.get(key))}, **extra)
    yield made.event("content_part.done", **spot.fields, part=part)
