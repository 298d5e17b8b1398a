"""The one place where errors become answers: RFC 9457 problem details."""

import logging
import re
from http import HTTPStatus
from math import ceil
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import Send

from pilothouse.errors import (
    BodyTooLarge,
    CallerError,
    EndpointUnknown,
    InternalError,
    InvalidJson,
    InvalidQuery,
    InvalidRequest,
    MethodNotAllowed,
    PilothouseError,
    Unauthorized,
)
from pilothouse.server import scope
from pilothouse.server.addresses import Addresses

_log = logging.getLogger(__name__)
_AT = re.compile(r" - at `\$(.*)`$")
_FIELD = re.compile(r"(?:unknown|required) field `(.*?)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
NOTHING = "There is nothing at this address. The API starts at /api/v1."
_HIDDEN = "Something went wrong here. The log of this installation has the reason under this request id."
_WRITES = frozenset({"POST", "PUT", "PATCH"})


class FieldError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the body, such as `#/targets/0/weight`; empty when the fault is not in the body."""
    parameter: str
    """The query parameter, path parameter or header; empty when the fault is in the body."""
    detail: str
    position: int | None = None
    """In the parameter `q`: the first character at fault, counted from 0."""
    length: int | None = None
    """Characters at fault."""
    expected: tuple[str, ...] = ()
    """What could stand there."""


class Problem(msgspec.Struct, frozen=True):
    """Every error of this API (RFC 9457)."""

    type: str
    """Path of the page that explains the code."""
    title: str
    status: int
    detail: str
    """What happened and what to do."""
    code: str
    """Stable; the same for the same kind of error in every version."""
    request_id: str
    errors: list[FieldError]


class FieldsInvalid(InvalidRequest):
    """Several fields or parameters are at fault."""

    def __init__(self, detail: str, fields: list[FieldError]) -> None:
        super().__init__(detail)
        self.fields = fields


def invalid_body(error: msgspec.ValidationError) -> FieldsInvalid:
    """Return the error for a JSON body that does not fit its type, with the pointer of the fault."""
    text = str(error)
    found = _AT.search(text)
    message = text[: found.start()] if found else text
    pointer = "#" + "".join(f"/{name or index}" for name, index in _STEP.findall(found.group(1) if found else ""))
    named = _FIELD.search(message)
    if named:
        pointer += "/" + named.group(1).replace("~", "~0").replace("/", "~1")
    return FieldsInvalid(
        f"The body does not fit: {message} (at {pointer}).",
        [FieldError(pointer=pointer, parameter="", detail=message)],
    )


def translate(error: Exception) -> PilothouseError:
    """Return our error for any exception that reached the border of a request."""
    if isinstance(error, PilothouseError):
        return error
    if isinstance(error, ValidationException):
        return _from_validation(error)
    if isinstance(error, HTTPException):
        return _from_status(error)
    return InternalError(_HIDDEN)


def problem(error: PilothouseError, request_id: str, method: str) -> Problem:
    """Return the problem details of an error; `method` tells whether a named field is in the body or the query."""
    detail = _HIDDEN if isinstance(error, InternalError) else error.detail
    return Problem(
        type=f"/docs/reference/errors#{error.code}",
        title=error.title,
        status=error.status,
        detail=detail,
        code=error.code,
        request_id=request_id,
        errors=_fields(error, method),
    )


def headers(error: PilothouseError) -> dict[str, str]:
    """Return the headers that belong to an error's answer."""
    out = {"cache-control": "no-store"}
    if error.retry_after_s is not None:
        out["retry-after"] = str(max(1, ceil(error.retry_after_s)))
    if isinstance(error, Unauthorized):
        out["www-authenticate"] = 'Bearer realm="pilothouse"'
    return out


def render(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """Answer an exception; the one exception handler of the application."""
    ours = translate(error)
    more: dict[str, str] = {}
    if isinstance(ours, MethodNotAllowed):
        addresses: Addresses = request.app.state["addresses"]
        allow = addresses.allow(request.scope["path"])
        ours = EndpointUnknown(NOTHING) if allow is None else ours
        more = {"allow": allow} if allow else {}
    request_id = scope.values(request).get(scope.REQUEST_ID, "")
    if isinstance(ours, InternalError):
        _log.error("request %s %s failed, request id %s", request.method, request.url.path, request_id, exc_info=error)
    return Response(
        problem(ours, request_id, request.method),
        status_code=ours.status,
        media_type="application/problem+json",
        headers={**headers(ours), **more},
    )


def _fields(error: PilothouseError, method: str) -> list[FieldError]:
    if isinstance(error, FieldsInvalid):
        return error.fields
    if isinstance(error, InvalidQuery):
        in_body = method in _WRITES
        name = error.param or "q"
        return [
            FieldError(
                f"#/{name}" if in_body else "", "" if in_body else name, error.detail, error.position, error.length,
                error.expected,
            )
        ]  # fmt: skip
    if error.param is None:
        return []
    if error.param.startswith(("/", "#/")):
        return [FieldError(pointer="#" + error.param.removeprefix("#"), parameter="", detail=error.detail)]
    if method in _WRITES:
        return [FieldError(pointer=f"#/{error.param}", parameter="", detail=error.detail)]
    return [FieldError(pointer="", parameter=error.param, detail=error.detail)]


def _from_validation(error: ValidationException) -> PilothouseError:
    extra: list[dict[str, str]] = error.extra if isinstance(error.extra, list) else []
    fields: list[FieldError] = []
    for item in extra:
        name, detail = item.get("key", ""), item.get("message", "not valid")
        in_body = item.get("source") == "body"
        if in_body and name == "data":  # Litestar's own name for the whole body
            name, detail = "", "a JSON body is needed, and none came"
        fields.append(
            FieldError(
                pointer=f"#/{name}".rstrip("/") if in_body else "", parameter="" if in_body else name, detail=detail
            )
        )
    names = ", ".join(f"{field.parameter or field.pointer}: {field.detail}" for field in fields)
    return FieldsInvalid(f"The request is not valid: {names or error.detail}.", fields)


def _from_status(error: HTTPException) -> PilothouseError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return EndpointUnknown(NOTHING)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed(
                "This address exists, but not for this method; the Allow header lists those it has."
            )
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return BodyTooLarge("The body is larger than this server takes.")
        case HTTPStatus.BAD_REQUEST:
            return InvalidJson("The body is not valid JSON.")
        case status if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return CallerError(error.detail)
        case _:
            return InternalError(_HIDDEN)


async def send_problem(send: Send, error: PilothouseError, request_id: str, method: str) -> None:
    """Answer an error before the application itself is reached."""
    body = msgspec.json.encode(problem(error, request_id, method))
    pairs = {**headers(error), "content-type": "application/problem+json", "content-length": str(len(body))}
    head = [(name.encode(), value.encode()) for name, value in pairs.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})
