"""OpenTelemetry over HTTP, at its own address and at those that other products' SDKs know."""

import logging
from collections.abc import AsyncIterator
from math import ceil
from typing import Any

from litestar import Request, Response, post

from pilothouse.errors import ClientDisconnected, EndpointUnknown, InternalError, PilothouseError, Unauthorized
from pilothouse.otlp import answers
from pilothouse.otlp.decode import encoding_of
from pilothouse.otlp.signals import Rejected
from pilothouse.server import scope
from pilothouse.server.errors import translate
from pilothouse.server.otlp import statuses
from pilothouse.server.otlp.door import Arrival, Door
from pilothouse.server.otlp.surfaces import ADDRESSES, surface_of
from pilothouse.server.parts import Parts

_log = logging.getLogger(__name__)


def failed(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer an error as OTLP wants it: a `google.rpc.Status` in the encoding of the request."""
    ours = translate(error)
    if isinstance(ours, InternalError):
        request_id = scope.values(request).get(scope.REQUEST_ID, "")
        _log.error("telemetry to %s failed, request id %s", request.url.path, request_id, exc_info=error)
    headers = {"x-pilothouse-error": ours.code}
    if isinstance(ours, Unauthorized):
        headers["www-authenticate"] = 'Bearer realm="pilothouse"'
    wait_s = statuses.wait_s(ours)
    if wait_s is not None:
        headers["retry-after"] = str(max(1, ceil(wait_s)))
    encoding = encoding_of(request.headers.get("content-type", ""))
    body = answers.refused(encoding, statuses.code_of(ours), statuses.told(ours), wait_s)
    return Response(body, status_code=statuses.status_of(ours), media_type=encoding.value, headers=headers)


@post(
    list(ADDRESSES), status_code=200, include_in_schema=False, request_max_body_size=None,
    exception_handlers={Exception: failed},
)  # fmt: skip
async def take(parts: Parts, request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take an OTLP request in; answers once it is durable."""
    door = parts.door
    if door is None:
        raise EndpointUnknown("this process takes no telemetry in")
    headers = {name.lower(): value for name, value in request.headers.items()}
    address = ADDRESSES[scope.route(request)]
    encoding = encoding_of(headers.get("content-type", ""))
    arrival = Arrival(surface_of(address, headers), address.signal, headers, encoding)
    rejected = await _take(door, arrival, request)
    return Response(answers.accepted(address.signal, encoding, rejected), media_type=encoding.value)


HANDLERS = (take,)


async def _take(door: Door, arrival: Arrival, request: Request[Any, Any, Any]) -> tuple[Rejected, ...]:
    key = await door.admit(arrival)
    try:
        with door.bodies.holding() as holding:
            body = await door.bodies.read(_chunks(request), arrival.headers, holding)
            return await door.take(arrival, key, body)
    except PilothouseError as error:
        door.refuse(arrival, key, error)
        raise


async def _chunks(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    while True:
        event = await request.receive()
        if event["type"] == "http.disconnect":
            raise ClientDisconnected("the sender went away before the body had come")
        chunk: bytes = event.get("body", b"")
        if chunk:
            yield chunk
        if not event.get("more_body", False):
            return
