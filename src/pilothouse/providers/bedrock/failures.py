"""What a failed answer of Bedrock means: by its type, which stands in a header or in the body."""

import re

from pilothouse.domain.clock import Clock
from pilothouse.errors import (
    ContextLength,
    UpstreamAuth,
    UpstreamError,
    UpstreamFault,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from pilothouse.protocols.bedrock_converse.errors import read_error, short_name
from pilothouse.providers import failures
from pilothouse.providers.waits import retry_after_s

_BY_TYPE: dict[str, type[UpstreamError]] = {
    "ThrottlingException": UpstreamRateLimited,
    "Throttling": UpstreamRateLimited,
    "TooManyRequestsException": UpstreamRateLimited,
    # Comes with status 400, and is a limit all the same.
    "ServiceQuotaExceededException": UpstreamRateLimited,
    "ModelNotReadyException": UpstreamOverloaded,
    "ServiceUnavailableException": UpstreamOverloaded,
    "ServiceUnavailable": UpstreamOverloaded,
    "ModelTimeoutException": UpstreamTimeout,
    "ModelErrorException": UpstreamFault,
    "ModelStreamErrorException": UpstreamFault,
    "InternalServerException": UpstreamFault,
    "InternalFailure": UpstreamFault,
    "ValidationException": UpstreamInvalid,
    "ConflictException": UpstreamInvalid,
    "ResourceNotFoundException": UpstreamNotFound,
    "UnknownOperationException": UpstreamNotFound,
    "AccessDeniedException": UpstreamAuth,
    "UnrecognizedClientException": UpstreamAuth,
    "InvalidSignatureException": UpstreamAuth,
    "IncompleteSignatureException": UpstreamAuth,
    "IncompleteSignature": UpstreamAuth,
    "MissingAuthenticationTokenException": UpstreamAuth,
    "ExpiredTokenException": UpstreamAuth,
    "InvalidClientTokenId": UpstreamAuth,
    "OptInRequired": UpstreamAuth,
    "RequestExpired": UpstreamAuth,
}
"""A type that is not here decides nothing; then the status does."""

_TOO_LONG = re.compile(
    r"input is too long|prompt is too long|too many input tokens|input token count|maximum context length"
    r"|exceeds? the (model'?s? )?(maximum )?context|exceed context limit|context window|maximum number of input tokens",
    re.IGNORECASE,
)
"""Bedrock has no type for a prompt that does not fit, so the words of a `ValidationException` have to tell."""


def classify(answer: failures.Answer, clock: Clock) -> UpstreamError:
    """Return the error that an answer stands for; the body must hold no secret any more."""
    found = read_error(answer.body)
    told = next((value for name, value in answer.headers if name.lower() == b"x-amzn-errortype"), b"")
    name = short_name(told.decode("latin-1")) or (found.type if found is not None else "")
    kind = _BY_TYPE.get(name)
    if kind is None or 300 <= answer.status < 400:
        return failures.classify(answer, clock)
    message = found.message if found is not None else ""
    if name == "ValidationException" and _TOO_LONG.search(message):
        kind = ContextLength
    wait_s = retry_after_s(answer.headers, clock.now_ns()) if kind.retry == "transient" else None
    detail = failures.describe(answer, name, message)
    return kind(detail, upstream_status=answer.status, body=answer.body, retry_after_s=wait_s)
