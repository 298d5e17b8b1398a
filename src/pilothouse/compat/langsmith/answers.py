"""Errors in the form that LangSmith's SDKs read, with the statuses that they send again."""

from math import ceil
from typing import Any

import msgspec
from litestar import Request, Response

from pilothouse.compat.faults import fault, told
from pilothouse.errors import CallerError, Retry, Unauthorized

MISSING, _NOT_BUILT = 404, 501
_AGAIN = 503
_SENT_AGAIN = frozenset({429, _AGAIN})
"""Statuses after which SDKs of every age send again when they are told how long to wait."""
_RETRY_S = 1.0


class Problem(msgspec.Struct, frozen=True):
    """What every error looks like."""

    detail: str


def failed(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer any exception of a request."""
    ours = fault(request, error, "LangSmith")
    headers = {"x-pilothouse-error": ours.code}
    status = ours.status
    if isinstance(ours, Unauthorized):
        headers["www-authenticate"] = 'Bearer realm="pilothouse"'
    if ours.retry is Retry.TRANSIENT and not isinstance(ours, CallerError):
        headers["retry-after"] = str(max(1, ceil(ours.retry_after_s or _RETRY_S)))
        status = status if status in _SENT_AGAIN else _AGAIN
    return problem(status, told(ours), headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response[Problem]:
    """Return an error's answer."""
    return Response(Problem(detail), status_code=status, media_type="application/json", headers=headers)


def unserved(request: Request[Any, Any, Any], instead: str) -> Response[Problem]:
    """Say of an address of LangSmith's that it is not served here: a read finds nothing, a write is not done."""
    told_of = f"{request.method} {request.url.path[:200]} of LangSmith's API is not served by Pilothouse"
    return problem(MISSING if request.method == "GET" else _NOT_BUILT, f"{told_of}; {instead}")
