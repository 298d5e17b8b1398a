"""What a spool holds besides gateway calls: one request of a telemetry surface, or patches that a surface made itself.

A surface checks the key, answers only after the spool has committed, and leaves decoding, merging and pricing to
ingest, so that a store that is down or slow never costs a caller anything.
"""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.patch import SpanPatch

OTLP_TRACES = "otlp_traces"
"""Kind of a record that is one `OtlpTraces`, as `encode_otlp` writes it."""
OTLP_LOGS = "otlp_logs"
"""Kind of a record that is one `OtlpTraces` whose body is an `ExportLogsServiceRequest`."""
OTLP_METRICS = "otlp_metrics"
"""Kind of a record that is one `OtlpTraces` whose body is an `ExportMetricsServiceRequest`."""
PATCHES = "patches"
"""Kind of a record that is a list of patches, as `encode_patches` writes it; each names its project and key."""


class OtlpTraces(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One OpenTelemetry request of any signal, decompressed, and who sent it."""

    project_id: str
    """Of the caller's key; whatever the body says of a project."""
    key_id: str = ""
    received_at_ns: int
    """By our clock; stands in for times that are none."""
    content_type: str
    """As the header says; without one it is `application/x-protobuf`."""
    surface: str = "otlp_http"
    """The way it came in, for the ledger: `otlp_http`, `otlp_grpc`, `langfuse` …"""
    sdk_name: str = ""
    """As the SDK's own headers name it, such as `x-langfuse-sdk-name`."""
    sdk_version: str = ""
    said_project: str = ""
    """What the sender's headers call the project, such as `Langsmith-Project`; shown, never obeyed."""
    body: bytes
    """An `Export…ServiceRequest` of the signal; may be a part of what was sent, when the surface split a large one."""


_encoder = msgspec.msgpack.Encoder()
_otlp = msgspec.msgpack.Decoder(OtlpTraces)
_patches = msgspec.msgpack.Decoder(list[SpanPatch])


def encode_otlp(request: OtlpTraces) -> bytes:
    """Return the payload of an `OTLP_TRACES`, `OTLP_LOGS` or `OTLP_METRICS` record."""
    return _encoder.encode(request)


def decode_otlp(payload: bytes) -> OtlpTraces:
    """Return the request in such a record; raises `msgspec.MsgspecError`."""
    return _otlp.decode(payload)


def encode_patches(patches: Sequence[SpanPatch]) -> bytes:
    """Return the payload of a `PATCHES` record."""
    return _encoder.encode(patches)


def decode_patches(payload: bytes) -> list[SpanPatch]:
    """Return the patches of a `PATCHES` record; raises `msgspec.MsgspecError`."""
    return _patches.decode(payload)
