"""What a failed answer means: by its status and the typed fields of its error object, never by the words in it."""

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.errors import (
    ContentPolicy,
    ContextLength,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamError,
    UpstreamFault,
    UpstreamInvalid,
    UpstreamNotFound,
    UpstreamOverloaded,
    UpstreamProtocol,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from pilothouse.protocols.base import ErrorBody
from pilothouse.protocols.openai_error import read_error
from pilothouse.providers.waits import retry_after_s

MAX_BODY_BYTES = 64 * 1024
_SHOWN_CHARS = 300


class Answer(msgspec.Struct, frozen=True):
    """A failed answer as it came, but for secrets in its body."""

    account: str
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


_BY_CODE: dict[str, type[UpstreamError]] = {
    "context_length_exceeded": ContextLength,
    "context_window_exceeded": ContextLength,
    "model_context_window_exceeded": ContextLength,
    "exceed_context_size_error": ContextLength,
    "content_filter": ContentPolicy,
    "content_policy_violation": ContentPolicy,
    "responsibleaipolicyviolation": ContentPolicy,
    "moderation_blocked": ContentPolicy,
    "cyber_policy_violation": ContentPolicy,
    "insufficient_quota": UpstreamBilling,
    "billing_hard_limit_reached": UpstreamBilling,
    "billing_not_active": UpstreamBilling,
    "billing_error": UpstreamBilling,
    "insufficient_balance": UpstreamBilling,
    "insufficient_credits": UpstreamBilling,
    "invalid_api_key": UpstreamAuth,
    "incorrect_api_key": UpstreamAuth,
    "account_deactivated": UpstreamAuth,
    "authentication_error": UpstreamAuth,
    "unauthenticated": UpstreamAuth,
    "permission_error": UpstreamAuth,
    "model_not_found": UpstreamNotFound,
    "modelnotfound": UpstreamNotFound,
    "deploymentnotfound": UpstreamNotFound,
    "not_found_error": UpstreamNotFound,
    "notfounderror": UpstreamNotFound,
    "rate_limit_exceeded": UpstreamRateLimited,
    "rate_limit_error": UpstreamRateLimited,
    "rate_limit_reached_error": UpstreamRateLimited,
    "overloaded_error": UpstreamOverloaded,
    "overloaded": UpstreamOverloaded,
    "engine_overloaded": UpstreamOverloaded,
    "engine_overloaded_error": UpstreamOverloaded,
    "slow_down": UpstreamOverloaded,
    "unavailable_error": UpstreamOverloaded,
    "service_unavailable": UpstreamOverloaded,
    "server_error": UpstreamFault,
    "internal_server_error": UpstreamFault,
    "internalservererror": UpstreamFault,
    "api_error": UpstreamFault,
    "timeout_error": UpstreamTimeout,
    "timeout": UpstreamTimeout,
    "invalid_request_error": UpstreamInvalid,
    "request_too_large": UpstreamInvalid,
    "badrequesterror": UpstreamInvalid,
    "validation": UpstreamInvalid,
}
"""Codes and types of error objects, in lower case. A code or type that is not here decides nothing."""

_BY_STATUS: dict[int, type[UpstreamError]] = {
    401: UpstreamAuth,
    402: UpstreamBilling,
    403: UpstreamAuth,
    404: UpstreamNotFound,
    405: UpstreamNotFound,
    407: UpstreamUnreachable,
    408: UpstreamTimeout,
    409: UpstreamFault,
    410: UpstreamNotFound,
    424: UpstreamFault,
    425: UpstreamFault,
    429: UpstreamRateLimited,
    499: UpstreamFault,
    503: UpstreamOverloaded,
    504: UpstreamTimeout,
    521: UpstreamUnreachable,
    522: UpstreamTimeout,
    523: UpstreamUnreachable,
    524: UpstreamTimeout,
    529: UpstreamOverloaded,
}

_REFINES: dict[type[UpstreamError], frozenset[type[UpstreamError]]] = {
    UpstreamInvalid: frozenset(
        {ContextLength, ContentPolicy, UpstreamBilling, UpstreamAuth, UpstreamNotFound, UpstreamRateLimited}
    ),
    UpstreamAuth: frozenset({ContentPolicy, UpstreamBilling, UpstreamNotFound}),
    UpstreamNotFound: frozenset({UpstreamAuth}),
    UpstreamRateLimited: frozenset({UpstreamBilling, UpstreamOverloaded}),
    UpstreamFault: frozenset({ContextLength, ContentPolicy, UpstreamOverloaded, UpstreamRateLimited, UpstreamTimeout}),
    UpstreamOverloaded: frozenset({UpstreamRateLimited}),
}
"""Which codes may overrule a status: a code says more than the status it rides on, but only within reason."""


def classify(answer: Answer, clock: Clock) -> UpstreamError:
    """Return the error that an answer stands for; the body must hold no secret any more."""
    found = read_error(answer.body)
    kind = _kind(answer.status, found)
    wait_s = retry_after_s(answer.headers, clock.now_ns()) if kind.retry == "transient" else None
    detail = _detail(answer, found)
    return kind(detail, upstream_status=answer.status, body=answer.body, retry_after_s=wait_s)


def _kind(status: int, found: ErrorBody | None) -> type[UpstreamError]:
    named = _named(found)
    if status < 300 or status == 0:
        # The error rode on a success: only the object can tell.
        status = found.status if found is not None else 0
        if status == 0:
            return named or UpstreamFault
    elif status < 400:
        return UpstreamProtocol
    usual = _BY_STATUS.get(status, UpstreamInvalid if status < 500 else UpstreamFault)
    return named if named is not None and named in _REFINES.get(usual, ()) else usual


def _named(found: ErrorBody | None) -> type[UpstreamError] | None:
    if found is None:
        return None
    by_code = _BY_CODE.get(found.code.lower())
    by_type = _BY_CODE.get(found.type.lower())
    if found.param == "input_tokens" and by_type is UpstreamInvalid:
        # vLLM has no code for it; the parameter it names is the number of tokens it counted.
        return ContextLength
    # "invalid_request_error" is the type of nearly everything; whichever of the two says more decides.
    return by_code if by_code not in (None, UpstreamInvalid) else by_type or by_code


def _detail(answer: Answer, found: ErrorBody | None) -> str:
    if found is None:
        return describe(answer, "", "")
    return describe(answer, found.code or found.type, found.message)


def describe(answer: Answer, label: str, message: str) -> str:
    """Return for people what an account answered: its status, the provider's own label, the beginning of its words."""
    said = f" ({label})" if label else ""
    said += f": {message[:_SHOWN_CHARS]}" if message else ""
    status = f"HTTP {answer.status}" if answer.status >= 300 else "an error inside a success"
    if 300 <= answer.status < 400:
        said = "; redirects are not followed, set the base URL to where it leads"
    return f"account {answer.account!r} answered {status}{said}"
