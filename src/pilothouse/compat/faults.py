"""What went wrong with a request to a surface, as one of our errors; how it looks each surface decides."""

import logging
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException

from pilothouse.errors import (
    CallerError,
    EndpointUnknown,
    InternalError,
    InvalidJson,
    MethodNotAllowed,
    PilothouseError,
)

_log = logging.getLogger(__name__)
_HIDDEN = "Something went wrong here. The log of this installation has the reason."


def fault(request: Request[Any, Any, Any], error: Exception, product: str) -> PilothouseError:
    """Return any exception of a request as an error of ours; one that is our fault goes into the log."""
    ours = _ours(error, product)
    if isinstance(ours, InternalError):
        _log.error("request %s %s failed", request.method, request.url.path, exc_info=error)
    return ours


def told(ours: PilothouseError) -> str:
    """Return what callers are told of an error."""
    return _HIDDEN if isinstance(ours, InternalError) else ours.detail


def _ours(error: Exception, product: str) -> PilothouseError:
    if isinstance(error, PilothouseError):
        return error
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        return InternalError(_HIDDEN)
    match error.status_code:
        case 404:
            return EndpointUnknown(f"there is no such address in {product}'s API here")
        case 405:
            return MethodNotAllowed("this address exists, but not for this method")
        case 400:
            return InvalidJson("the request is not valid")
        case _:
            return CallerError(error.detail)
