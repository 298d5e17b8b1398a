"""A score: what somebody, or something, thinks of a span, a trace, a session or an experiment."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

SCORES = "scores"
"""Kind of a spool record that is a list of scores, as `encode` writes it; each names its project and key."""


class ScoreType(StrEnum):
    """What a score's value is."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TEXT = "text"


class Score(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One score; a later one with the same id in the same project replaces it."""

    id: str
    project_id: str = ""
    key_id: str = ""
    surface: str = ""
    """The way it came in, for the ledger; not kept."""
    trace_id: str = ""
    """32 hexadecimal digits; empty when it is of a session or an experiment."""
    span_id: str = ""
    """Empty when it is of the whole trace."""
    session_id: str = ""
    run_id: str = ""
    """Of an experiment."""
    name: str
    type: ScoreType
    number: float | None = None
    """The value of a numeric score; 1 or 0 of a boolean one."""
    text: str = ""
    """The value of a categorical or textual score."""
    comment: str = ""
    source: str
    """`api` for an application, `annotation` for a person, `eval` for an evaluator."""
    config_id: str = ""
    author: str = ""
    at_ns: int
    """When it was given."""
    stated_at_ns: int
    """When this version of it was sent; of two the later one holds."""
    environment: str = ""
    metadata: dict[str, str] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Score])


def encode(scores: Sequence[Score]) -> bytes:
    """Return the payload of a `SCORES` record."""
    return _encoder.encode(scores)


def decode(payload: bytes) -> list[Score]:
    """Return the scores of a `SCORES` record; raises `msgspec.MsgspecError`."""
    return _decoder.decode(payload)
