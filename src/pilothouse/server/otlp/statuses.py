"""Our errors as senders of OpenTelemetry understand them: gRPC's codes, and the HTTP statuses that they send again."""

from pilothouse.errors import (
    BodyTooSlow,
    Forbidden,
    IngestBusy,
    InvalidRequest,
    NotFound,
    PilothouseError,
    Retry,
    SpoolFull,
    Unauthorized,
)

INVALID_ARGUMENT = 3
DEADLINE_EXCEEDED = 4
NOT_FOUND = 5
PERMISSION_DENIED = 7
RESOURCE_EXHAUSTED = 8
INTERNAL = 13
UNAVAILABLE = 14
UNAUTHENTICATED = 16

_CODES: tuple[tuple[type[PilothouseError], int], ...] = (
    (Unauthorized, UNAUTHENTICATED),
    (Forbidden, PERMISSION_DENIED),
    (NotFound, NOT_FOUND),
    (BodyTooSlow, DEADLINE_EXCEEDED),
    (InvalidRequest, INVALID_ARGUMENT),
    (SpoolFull, RESOURCE_EXHAUSTED),
    (IngestBusy, RESOURCE_EXHAUSTED),
)
_HIDDEN = "Something went wrong here. The log of this installation has the reason."
_RETRY_S = 1.0
_SERVER_FAULT = 500
_UNAVAILABLE_STATUS = 503


def code_of(error: PilothouseError) -> int:
    """Return gRPC's number for an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return UNAVAILABLE if error.retry is Retry.TRANSIENT else INTERNAL


def status_of(error: PilothouseError) -> int:
    """Return the HTTP status of an error; senders try again after 429 and 503, and no other of ours."""
    passing = error.retry is Retry.TRANSIENT and error.status >= _SERVER_FAULT
    return _UNAVAILABLE_STATUS if passing else error.status


def told(error: PilothouseError) -> str:
    """Return what the sender is told; of a fault of ours only that it is one."""
    return _HIDDEN if code_of(error) == INTERNAL else error.detail


def wait_s(error: PilothouseError) -> float | None:
    """Return after how long the sender may try again; None when that would not help."""
    return (error.retry_after_s or _RETRY_S) if error.retry is Retry.TRANSIENT else None
