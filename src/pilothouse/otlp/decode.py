"""The way in: bytes of one OTLP request, of either encoding, as plain values."""

from enum import StrEnum

import msgspec

from pilothouse.otlp import json_form, protobuf
from pilothouse.otlp.signals import BOUNDS, NOBODY, Bounds, Decoded, OtelLog, OtelPoint, OtelSpan, Sender


class Encoding(StrEnum):
    """How an OTLP body is written."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class Received(msgspec.Struct, frozen=True):
    """One request's body, decompressed, and what stood around it."""

    body: bytes
    encoding: Encoding
    at_ns: int
    """When it came, by our clock; stands in for times that are none."""
    sender: Sender = NOBODY


def encoding_of(content_type: str) -> Encoding:
    """Return the encoding that a content type names; protobuf, OTLP's default, for any that is not JSON's."""
    kind = content_type.partition(";")[0].strip().lower()
    return Encoding.JSON if kind == "application/json" or kind.endswith("+json") else Encoding.PROTOBUF


def spans(received: Received, bounds: Bounds = BOUNDS) -> Decoded[OtelSpan]:
    """Return the spans of a trace request; one bad span never costs the others.

    Raises `InvalidJson` or `InvalidRequest` for a body that is no such request at all.
    """
    read = json_form.spans if received.encoding is Encoding.JSON else protobuf.spans
    return read(received.body, received.sender, received.at_ns, bounds)


def logs(received: Received, bounds: Bounds = BOUNDS) -> Decoded[OtelLog]:
    """Return the records of a logs request; raises as `spans` does."""
    read = json_form.logs if received.encoding is Encoding.JSON else protobuf.logs
    return read(received.body, received.at_ns, bounds)


def points(received: Received, bounds: Bounds = BOUNDS) -> Decoded[OtelPoint]:
    """Return the data points of a metrics request; raises as `spans` does."""
    read = json_form.points if received.encoding is Encoding.JSON else protobuf.points
    return read(received.body, received.at_ns, bounds)
