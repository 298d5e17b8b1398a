"""One OpenTelemetry request of a spool as the patches of its spans: pure, and light enough for a process of its own."""

from collections.abc import Iterable

import msgspec

from pilothouse.domain.envelope import OtlpTraces, decode_otlp
from pilothouse.domain.patch import SpanPatch
from pilothouse.errors import PilothouseError
from pilothouse.otlp import decode
from pilothouse.otlp.decode import Received, encoding_of
from pilothouse.otlp.mapping import mapped
from pilothouse.otlp.signals import Reason, Sender

SAID_PROJECT = "pilothouse.said_project"
"""Attribute of a span whose sender's headers named a project of their own."""


class Broken(msgspec.Struct, array_like=True, frozen=True):
    """Why something cannot become a span."""

    reason: str
    """A stable word."""
    detail: str


class RequestRead(msgspec.Struct, array_like=True, kw_only=True):
    """What one request brings, and who sent it."""

    project_id: str = ""
    surface: str = ""
    sdk_name: str = ""
    sdk_version: str = ""
    patches: list[SpanPatch] = []
    refused: list[Broken] = []
    """Spans that nobody has told the sender of."""
    broken: Broken | None = None
    """Why there is nothing to be had of the request at all."""


def read_request(payload: bytes) -> RequestRead:
    """Return what the payload of an `OTLP_TRACES` record brings; never raises."""
    try:
        return _read(decode_otlp(payload))
    except (msgspec.MsgspecError, PilothouseError) as error:
        return RequestRead(broken=Broken("undecodable", str(error)))
    except Exception as error:  # noqa: BLE001 - border: a background loop; one record must not stop the rest
        return RequestRead(broken=Broken("unconvertible", repr(error)))


def _read(request: OtlpTraces) -> RequestRead:
    sender = Sender(request.sdk_name, request.sdk_version)
    received = Received(request.body, encoding_of(request.content_type), request.received_at_ns, sender)
    decoded = decode.spans(received)
    found = mapped(decoded)
    # The door has told the sender of what cannot be decoded; of what the mapping refuses nobody knows yet.
    told = {rejected.index for rejected in decoded.rejected}
    return RequestRead(
        project_id=request.project_id,
        surface=request.surface,
        sdk_name=request.sdk_name,
        sdk_version=request.sdk_version,
        patches=_of_sender(found.items, request),
        refused=[
            Broken(rejected.reason, f"span {rejected.span_id}: {rejected.detail}")
            for rejected in found.rejected
            if rejected.index not in told and rejected.reason is not Reason.PENDING
        ],
    )


def _of_sender(patches: Iterable[SpanPatch], request: OtlpTraces) -> list[SpanPatch]:
    found = list(patches)
    for patch in found:
        # Nobody else has the patch yet, and a copy of so many fields costs as much as all the rest here.
        msgspec.structs.force_setattr(patch, "project_id", request.project_id)
        msgspec.structs.force_setattr(patch, "key_id", request.key_id)
        if request.said_project:
            attributes = {**patch.attributes, SAID_PROJECT: request.said_project}
            msgspec.structs.force_setattr(patch, "attributes", attributes)
    return found
