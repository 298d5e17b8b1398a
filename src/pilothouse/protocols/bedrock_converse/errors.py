"""Errors in the form of Amazon's JSON services: the type in a header, the message in the body."""

from typing import Any

import msgspec

from pilothouse.errors import (
    BodyTooLarge,
    CallerError,
    Forbidden,
    NotFound,
    PilothouseError,
    SpoolFull,
    Unauthorized,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamCut,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamOverloaded,
    UpstreamProtocol,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pilothouse.protocols import loose, openai_error
from pilothouse.protocols.base import ErrorBody
from pilothouse.protocols.bedrock_converse import event_stream

_KINDS: tuple[tuple[type[PilothouseError], str], ...] = (
    (Unauthorized, "UnrecognizedClientException"),
    (Forbidden, "AccessDeniedException"),
    (NotFound, "ResourceNotFoundException"),
    (UpstreamNotFound, "ResourceNotFoundException"),
    (UpstreamRateLimited, "ThrottlingException"),
    (SpoolFull, "ThrottlingException"),
    (UpstreamOverloaded, "ServiceUnavailableException"),
    (UpstreamUnreachable, "ServiceUnavailableException"),
    (UpstreamCut, "ServiceUnavailableException"),
    (UpstreamProtocol, "ServiceUnavailableException"),
    (UpstreamTimeout, "ModelTimeoutException"),
    # Whoever calls again at once meets the same account; no client of Amazon's retries this type by itself.
    (UpstreamAuth, "ModelErrorException"),
    (UpstreamBilling, "ModelErrorException"),
    (UpstreamInvalid, "ValidationException"),
    (CallerError, "ValidationException"),
)

STATUSES: dict[str, int] = {
    "UnrecognizedClientException": 403,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ThrottlingException": 429,
    "ServiceUnavailableException": 503,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ModelStreamErrorException": 424,
    "ModelNotReadyException": 429,
    "ServiceQuotaExceededException": 400,
    "ConflictException": 400,
    "ValidationException": 400,
    "InternalServerException": 500,
}
"""The HTTP status of each type as the service's model has it."""

_BY_LOWER = {name.lower(): name for name in STATUSES}
_IN_STREAMS = {
    "ThrottlingException": "throttlingException",
    "ValidationException": "validationException",
    "ResourceNotFoundException": "validationException",
    "InternalServerException": "internalServerException",
    "ServiceUnavailableException": "serviceUnavailableException",
}
"""What a stream may end with; every other error is `modelStreamErrorException`."""


def exception_type(error: PilothouseError) -> str:
    """Return the type by which a client of Bedrock knows an error."""
    for kind, name in _KINDS:
        if isinstance(error, kind):
            return name
    return "ServiceUnavailableException" if error.status == 503 else "InternalServerException"


def error_status(error: PilothouseError, status: int) -> int:
    """Return the HTTP status that belongs to the error's type."""
    return status if isinstance(error, BodyTooLarge) or status == 405 else STATUSES[exception_type(error)]


def error_headers(error: PilothouseError) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that names the type."""
    return ((b"x-amzn-errortype", exception_type(error).encode()),)


def render_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error's body, in the provider's own words where those help the caller."""
    del request_id
    shown = openai_error.upstream_words(error, read_error)
    message = shown.message if shown is not None and shown.message else error.detail
    return loose.ENCODER.encode({"message": loose.clean(message)})


def render_stream_error(error: PilothouseError, request_id: str) -> bytes:
    """Return the error as the frame of an exception, after which nothing comes."""
    kind = _IN_STREAMS.get(exception_type(error), "modelStreamErrorException")
    return event_stream.exception(kind, render_error(error, request_id))


def read_error(body: bytes) -> ErrorBody | None:
    """Return the error in a JSON document of Amazon's or OpenAI's form; None when it holds none."""
    try:
        document: Any = loose.ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    whole = loose.mapping(document)
    inner = loose.mapping(whole.get("error")) or whole
    message = inner.get("message") or inner.get("Message")
    kind = inner.get("__type") or inner.get("type") or inner.get("code")
    if "output" in whole or not (isinstance(message, str) or isinstance(whole.get("__type"), str)):
        return None
    name = short_name(kind) if isinstance(kind, str) else ""
    said = message if isinstance(message, str) else ""
    return ErrorBody(message=said, type=name, code=name, status=STATUSES.get(name, 0), raw=body)


def short_name(kind: str) -> str:
    """Return the bare type of `com.amazon.coral#ThrottlingException:http://…`, spelled as in the service's model."""
    bare = kind.partition(":")[0].rpartition("#")[2].strip()
    return _BY_LOWER.get(bare.lower(), bare)


def frame_error(frame: event_stream.Frame) -> ErrorBody | None:
    """Return the error that a frame of a stream is; None when it is an event.

    The document kept of it has the type under `__type`, as Amazon's older services write it.
    """
    kind = frame.text(":message-type")
    if kind not in ("exception", "error"):
        return None
    name = short_name(frame.text(":exception-type") or frame.text(":error-code"))
    found = read_error(frame.payload)
    message = found.message if found is not None else frame.text(":error-message")
    try:
        fields = loose.mapping(loose.ANY.decode(frame.payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = {}
    raw = loose.ENCODER.encode({"__type": name, **fields, "message": message})
    return ErrorBody(message=message, type=name, code=name, status=STATUSES.get(name, 0), raw=raw)
