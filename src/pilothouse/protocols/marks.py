"""Opaque marks of one vendor's thoughts and calls in the fields of another one's dialect.

A caller gives such fields back as they came. So the mark stands in them with a prefix that tells whose it is, and a
conversation with that vendor's model can go on; it never reaches another vendor.
"""

import base64
import binascii
import re

import msgspec

from pilothouse.domain.chat import Reasoning

PREFIX = "pilothouse:"
_SIGNATURE, _REDACTED = "signature", "redacted"
_FIELDS = 3
_IN_ID = "__pilothouse_mark__"
_PACKED = re.compile(_IN_ID.encode() + rb"[A-Za-z0-9_-]*")


def pack(part: Reasoning) -> str:
    """Return the mark of a thought with its vendor; empty when the thought has none."""
    mark = part.redacted or part.signature
    if not mark:
        return ""
    return f"{PREFIX}{part.vendor}:{_REDACTED if part.redacted else _SIGNATURE}:{mark}"


def is_packed(content: str) -> bool:
    """Return whether a field holds a mark that was put there by `pack`."""
    return content.startswith(PREFIX)


def unpack(part: Reasoning, content: str) -> Reasoning:
    """Return the thought with the mark and the vendor that `pack` put into a field."""
    told = content.removeprefix(PREFIX).split(":", _FIELDS - 1)
    if len(told) != _FIELDS:
        return part
    vendor, kind, mark = told
    if kind == _REDACTED:
        return msgspec.structs.replace(part, redacted=mark, vendor=vendor)
    return msgspec.structs.replace(part, signature=mark, vendor=vendor)


def into_id(identity: str, signature: str) -> str:
    """Return a call's id that carries the mark of the call, for dialects whose calls have no other place for it.

    The letters are those that every dialect takes in ids.
    """
    if not signature:
        return identity
    return f"{identity}{_IN_ID}{base64.urlsafe_b64encode(signature.encode()).decode().rstrip('=')}"


def out_of_id(identity: str) -> tuple[str, str]:
    """Return the id and the mark, an empty one when the id carries none."""
    plain, found, packed = identity.rpartition(_IN_ID)
    if not found:
        return identity, ""
    try:
        return plain, base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, ValueError):
        return identity, ""


def in_ids(body: bytes) -> bool:
    """Return whether ids in a body carry marks."""
    return _IN_ID.encode() in body


def without_ids(body: bytes) -> bytes:
    """Return a body that goes to the dialect's own vendor: its ids carry no marks, and every other byte is the same."""
    return _PACKED.sub(b"", body) if in_ids(body) else body
