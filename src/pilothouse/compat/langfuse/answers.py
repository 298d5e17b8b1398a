"""Errors in the form that Langfuse's SDKs read."""

from math import ceil
from typing import Any

import msgspec
from litestar import Request, Response

from pilothouse.compat.faults import fault, told
from pilothouse.errors import Unauthorized

_NAMES = {
    400: "InvalidRequestError",
    401: "UnauthorizedError",
    403: "ForbiddenError",
    404: "LangfuseNotFoundError",
    405: "MethodNotAllowedError",
    501: "NotImplementedError",
}


class Problem(msgspec.Struct, frozen=True):
    """What every error looks like."""

    message: str
    error: str


def failed(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer any exception of a request."""
    ours = fault(request, error, "Langfuse")
    headers = {"x-pilothouse-error": ours.code}
    if isinstance(ours, Unauthorized):
        headers["www-authenticate"] = 'Basic realm="pilothouse"'
    if ours.retry_after_s is not None:
        headers["retry-after"] = str(max(1, ceil(ours.retry_after_s)))
    message = told(ours)
    return problem(ours.status, message, headers)


def problem(status: int, message: str, headers: dict[str, str] | None = None) -> Response[Problem]:
    """Return an error's answer."""
    name = _NAMES.get(status, "Error")
    return Response(Problem(message, name), status_code=status, media_type="application/json", headers=headers)
