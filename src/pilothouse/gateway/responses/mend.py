"""Changes to the response object of an answer on its way to the caller; every other byte stays."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilothouse.protocols import sse

FINAL = frozenset({"response.completed", "response.incomplete", "response.failed"})
"""The last event of a stream; it holds the whole response object."""

_Members = dict[str, msgspec.Raw]

_MEMBERS = msgspec.json.Decoder(_Members)
_ENCODER = msgspec.json.Encoder()
_FINAL_BYTES = tuple(name.encode() for name in FINAL)


class Known(msgspec.Struct):
    """What is read of a response object."""

    id: str | None = None
    status: str | None = None
    store: bool | None = None


class _Event(msgspec.Struct):
    type: str = ""
    response: msgspec.Raw = msgspec.Raw(b"")


_KNOWN = msgspec.json.Decoder(Known)
_EVENT = msgspec.json.Decoder(_Event)


def read(document: bytes) -> Known:
    """Return what is known of a response object; nothing of what is none."""
    try:
        return _KNOWN.decode(document)
    except msgspec.DecodeError:
        return Known()


def final(events: bytes) -> bytes | None:
    """Return the response object of the stream's last event, if that is among the events."""
    if not any(name in events for name in _FINAL_BYTES):
        return None
    for frame in sse.frames(events):
        _, data = sse.parse(frame)
        try:
            event = _EVENT.decode(data)
        except msgspec.DecodeError:
            continue
        if event.type in FINAL and event.response:
            return bytes(event.response)
    return None


class Mend:
    """Members of the response object that are to say something else."""

    def __init__(self, changes: dict[str, Any]) -> None:
        self._changes: _Members = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in changes.items()}

    def __bool__(self) -> bool:
        return bool(self._changes)

    def document(self, raw: bytes) -> bytes:
        """Return a response object with the changes; what is no object comes back as it is."""
        if not self._changes:
            return raw
        try:
            members = _MEMBERS.decode(raw)
        except msgspec.DecodeError:
            return raw
        members.update(self._changes)
        return _ENCODER.encode(members)

    def events(self, raw: bytes) -> bytes:
        """Return whole events of a stream with the changes wherever one holds the response object."""
        if not self._changes or b'"response"' not in raw:
            return raw
        return b"".join(self._frames(raw))

    def _frames(self, raw: bytes) -> Iterator[bytes]:
        for frame in sse.frames(raw):
            name, data = sse.parse(frame)
            try:
                members = _MEMBERS.decode(data)
            except msgspec.DecodeError:
                yield frame
                continue
            held = members.get("response")
            if held is None:
                yield frame
                continue
            members["response"] = msgspec.Raw(self.document(bytes(held)))
            yield framed(name, _ENCODER.encode(members))


def framed(name: bytes, data: bytes) -> bytes:
    """Return one event."""
    return (b"event: " + name + b"\n" if name else b"") + b"data: " + data + b"\n\n"
