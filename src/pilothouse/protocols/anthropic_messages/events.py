"""The events of a Messages stream as bytes: split off on their way in, written on their way out."""

from typing import Any

import msgspec

from pilothouse.protocols import loose, sse

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Above the largest event any provider sends; a stream without breaks cannot fill memory."""


def decode(frame: bytes) -> tuple[str, dict[str, Any] | None, bytes]:
    """Return an event's type, its decoded data (None when that is no JSON object) and the data itself.

    The type stands in the data; the name of the event is the second choice.
    """
    name, data = sse.parse(frame)
    if not data:
        return "", None, data
    try:
        document: Any = loose.ANY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return name.decode(errors="replace"), None, data
    if not isinstance(document, dict):
        return name.decode(errors="replace"), None, data
    fields = loose.mapping(document)
    kind = loose.text(fields.get("type")) or name.decode(errors="replace")
    if not kind and fields.get("error"):
        kind = "error"
    return kind, fields, data


def encode(document: dict[str, Any]) -> bytes:
    """Return an event with its name."""
    kind: str = document["type"]
    return b"event: " + kind.encode() + b"\ndata: " + loose.ENCODER.encode(document) + b"\n\n"
