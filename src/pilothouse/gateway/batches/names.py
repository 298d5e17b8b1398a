"""Identifiers that follow from a batch: what is done again after a crash replaces what the first time left."""

import hashlib

import msgspec

_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


class LineNames(msgspec.Struct, frozen=True):
    """How a line's call is known."""

    call_id: str
    """A UUIDv7 of the time of the batch."""
    trace_id: str
    span_id: str


def line_names(batch_id: str, n: int) -> LineNames:
    """Return the names of a line, the same ones every time."""
    when = _hex(batch_id)[:12]
    digits = hashlib.sha256(f"{batch_id}:{n}".encode()).hexdigest()
    variant = _VARIANTS[digits[3]]
    call_id = f"{when[:8]}-{when[8:12]}-7{digits[:3]}-{variant}{digits[4:7]}-{digits[7:19]}"
    return LineNames(call_id, digits[:32], digits[32:48])


def request_name(batch_id: str, n: int) -> str:
    """Return the id of a line's result."""
    return f"batch_req_{hashlib.sha256(f'{batch_id}:{n}'.encode()).hexdigest()[:24]}"


def file_name(batch_id: str, kind: str, at_ns: int) -> str:
    """Return the id of one of a batch's files, which sorts among those of its time."""
    return f"file-{at_ns // 1_000_000:012x}7{hashlib.sha256(f'{batch_id}:{kind}'.encode()).hexdigest()[:19]}"


def _hex(batch_id: str) -> str:
    return batch_id.rpartition("_")[2]
