"""Multipart forms (RFC 7578), as far as reading and replacing plain fields goes; files stay untouched."""

import re
from collections.abc import Iterator

import msgspec

from pilothouse.errors import InvalidRequest

_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,200})"|([^;,\s"]{1,200}))', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|[;\s])name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_FILE = re.compile(rb"(?:^|[;\s])filename\*?=", re.IGNORECASE)
_MAX_PARTS = 1000
_MAX_FIELD_BYTES = 1024 * 1024


class Field(msgspec.Struct, frozen=True):
    """A plain field of a form, and where its value stands in the body."""

    name: str
    value: bytes
    start: int
    end: int


def boundary(content_type: bytes) -> bytes:
    """Return the boundary that a content type names; raises `InvalidRequest` when it is no multipart form."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith(b"multipart/form-data") or found is None:
        raise InvalidRequest("send a multipart/form-data body with its boundary", param="content-type")
    return found[1] or found[2]


def fields(body: bytes, mark: bytes) -> Iterator[Field]:
    """Yield the plain fields in their order; raises `InvalidRequest` for a body that is no such form."""
    delimiter = b"--" + mark
    at = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if not body.startswith(delimiter, at):
        raise InvalidRequest("the body has no part with the boundary that its content type names")
    for _ in range(_MAX_PARTS):
        at += len(delimiter)
        if body.startswith(b"--", at):
            return
        head_end = body.find(b"\r\n\r\n", at)
        end = body.find(b"\r\n" + delimiter, max(head_end, at))
        if head_end < 0 or end < 0:
            raise InvalidRequest("the multipart body ends inside a part")
        head, start = body[at:head_end], head_end + 4
        name = _NAME.search(head)
        if name is not None and not _FILE.search(head) and end - start <= _MAX_FIELD_BYTES:
            yield Field(name[1].decode("utf-8", "replace"), body[start:end], start, end)
        at = end + 2
    raise InvalidRequest(f"the multipart body has more than {_MAX_PARTS} parts")


def replace(body: bytes, mark: bytes, name: str, value: bytes) -> bytes:
    """Return the body with every field of the name set to the value, and every other byte as it was."""
    out: list[bytes] = []
    done = 0
    for field in fields(body, mark):
        if field.name == name:
            out += (body[done : field.start], value)
            done = field.end
    out.append(body[done:])
    return b"".join(out)
