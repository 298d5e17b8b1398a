"""Responses that are kept with the gateway, so that they can be fetched, continued and run in the background."""

import msgspec

ENDED = frozenset({"completed", "incomplete", "failed", "cancelled"})
"""Statuses that do not change any more."""


class KeptResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One response as its caller knows it."""

    project_id: str
    id: str
    """As the caller knows it; unique in the project."""
    key_id: str
    created_at_ns: int
    expires_at_ns: int
    previous_id: str = ""
    """Of the response that this one continues; empty when it begins a conversation."""
    account: str = ""
    """Which served it; empty while none has."""
    upstream_id: str = ""
    """Under which the account keeps it too; empty when it does not."""
    status: str
    """OpenAI's word."""
    background: bool = False
    streamed: bool = False
    """Of one in the background: whether its events are kept for those who follow it."""
    input: bytes
    """What the caller itself sent as `input`, as JSON."""
    document: bytes
    """The response object, as JSON."""


class BackgroundCall(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to make the call of a response in the background."""

    call_id: str
    """Empty once it has been claimed: each record has an id of its own, and a call that is made again is another."""
    trace_id: str
    parent_span_id: str
    path: str
    headers: dict[str, str]
    """Of the caller, as far as they matter; never its key."""
    body: bytes


class ClaimedResponse(msgspec.Struct, frozen=True):
    """A response in the background that is this process's to run."""

    response: KeptResponse
    call: BackgroundCall
    tries: int
    """How often it has been claimed, this time included."""
    last_event: int
    """The highest number among its kept events; -1 when it has none."""


class EventGroup(msgspec.Struct, frozen=True):
    """Events that follow each other in a stream, as bytes."""

    first: int
    last: int
    """Numbers of the first and the last event, both included."""
    events: bytes
