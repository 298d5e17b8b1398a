"""What a failed answer of a Google API means: by the reason in its details, then by its status."""

from typing import Any

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.errors import (
    UpstreamAuth,
    UpstreamBilling,
    UpstreamError,
    UpstreamFault,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamOverloaded,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from pilothouse.protocols import loose
from pilothouse.protocols.gemini.errors import KEY_REASONS
from pilothouse.providers import failures
from pilothouse.providers.waits import duration_s, retry_after_s

_BY_REASON: dict[str, type[UpstreamError]] = {
    **dict.fromkeys(KEY_REASONS, UpstreamAuth),
    "BILLING_DISABLED": UpstreamBilling,
    "RATE_LIMIT_EXCEEDED": UpstreamRateLimited,
    "RESOURCE_QUOTA_EXCEEDED": UpstreamRateLimited,
}
_BY_STATUS: dict[str, type[UpstreamError]] = {
    "INVALID_ARGUMENT": UpstreamInvalid,
    "FAILED_PRECONDITION": UpstreamInvalid,
    "OUT_OF_RANGE": UpstreamInvalid,
    "UNAUTHENTICATED": UpstreamAuth,
    "PERMISSION_DENIED": UpstreamAuth,
    "NOT_FOUND": UpstreamNotFound,
    "RESOURCE_EXHAUSTED": UpstreamRateLimited,
    "CANCELLED": UpstreamFault,
    "ABORTED": UpstreamFault,
    "INTERNAL": UpstreamFault,
    "UNKNOWN": UpstreamFault,
    "UNAVAILABLE": UpstreamOverloaded,
    "DEADLINE_EXCEEDED": UpstreamTimeout,
}


def classify(answer: failures.Answer, clock: Clock) -> UpstreamError:
    """Return the error that an answer stands for; the body must hold no secret any more."""
    error = _error(answer.body)
    status = error.get("status")
    details = loose.objects(error.get("details"))
    reason = next((text for item in details if isinstance(text := item.get("reason"), str)), "")
    kind = _BY_REASON.get(reason) or (_BY_STATUS.get(status) if isinstance(status, str) else None)
    if kind is None or 300 <= answer.status < 400:
        return failures.classify(answer, clock)
    wait_s = None
    if kind.retry == "transient":
        wait_s = _told_wait_s(details)
        wait_s = retry_after_s(answer.headers, clock.now_ns()) if wait_s is None else wait_s
    label = reason or loose.text(status)
    detail = failures.describe(answer, label, loose.text(error.get("message")))
    return kind(detail, upstream_status=answer.status, body=answer.body, retry_after_s=wait_s)


def _error(body: bytes) -> dict[str, Any]:
    try:
        document: Any = loose.ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    # A stream without server-sent events is an array, and its errors stand in one too.
    document = next(iter(loose.listing(document)), document)
    return loose.mapping(loose.mapping(document).get("error"))


def _told_wait_s(details: list[dict[str, Any]]) -> float | None:
    delay = next((text for item in details if isinstance(text := item.get("retryDelay"), str)), "")
    return duration_s(delay) if delay else None
