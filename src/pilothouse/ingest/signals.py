"""Log records and data points on their way into the store; each is whole when it comes, so nothing is merged."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from pilothouse.domain.envelope import OTLP_LOGS, OTLP_METRICS, OtlpTraces, decode_otlp
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.receipt import MINUTE_NS, REFUSED_BY_STORE, Receipt, ReceiptOutcome
from pilothouse.domain.telemetry import Exemplar, LogRecord, MetricPoint
from pilothouse.otlp import decode, log_mapping
from pilothouse.otlp.decode import Received, encoding_of
from pilothouse.otlp.signals import OtelExemplar, OtelLog, OtelPoint
from pilothouse.otlp.values import as_text, as_texts
from pilothouse.spool import Item

_GEN_AI = "gen_ai."
KINDS = (OTLP_LOGS, OTLP_METRICS)
_NAMES = {OTLP_LOGS: "logs", OTLP_METRICS: "metrics"}


class SignalSink(Protocol):
    """What this needs of the telemetry store; both raise `StoreUnavailable` and `QueryRefused`."""

    async def insert_logs(self, rows: Sequence[LogRecord], token: str) -> None:
        """Write log records; the same token again writes nothing twice."""
        ...

    async def insert_points(self, rows: Sequence[MetricPoint], token: str) -> None:
        """Write data points; the same token again writes nothing twice."""
        ...


class Read(msgspec.Struct, frozen=True):
    """One record of the spool, and the rows in it."""

    item: Item
    request: OtlpTraces
    logs: tuple[LogRecord, ...] = ()
    points: tuple[MetricPoint, ...] = ()
    patches: tuple[SpanPatch, ...] = ()
    """What log records say of the spans that they belong to."""

    def receipts(self, now_ns: int, error: Exception | None) -> Iterator[Receipt]:
        """Yield what became of the rows, for the ledger; `error` is why the store does not take them."""
        request, lost = self.request, error is not None
        yield Receipt(
            project_id=request.project_id, minute_ns=now_ns - now_ns % MINUTE_NS, surface=request.surface,
            signal=_NAMES[self.item.kind], sdk_name=request.sdk_name, sdk_version=request.sdk_version,
            outcome=ReceiptOutcome.SET_ASIDE if lost else ReceiptOutcome.MERGED,
            reason=REFUSED_BY_STORE if lost else "", items=len(self.logs) + len(self.points),
            sample=str(error)[:200] if lost else "",
        )  # fmt: skip


def read(item: Item) -> Read:
    """Return the rows of a record; raises `msgspec.MsgspecError` or `PilothouseError` for one that is none."""
    request = decode_otlp(item.payload)
    received = Received(request.body, encoding_of(request.content_type), request.received_at_ns)
    seed = hashlib.blake2b(request.body, digest_size=16).hexdigest()
    if item.kind == OTLP_LOGS:
        logs = decode.logs(received).items
        rows = tuple(_log(one, request, f"{seed}{n:x}") for n, one in enumerate(logs))
        return Read(item, request, logs=rows, patches=_patches(logs, request))
    points = decode.points(received).items
    return Read(item, request, points=tuple(_point(one, request, f"{seed}{n:x}") for n, one in enumerate(points)))


def _patches(logs: Sequence[OtelLog], request: OtlpTraces) -> tuple[SpanPatch, ...]:
    """Return what events of model calls say of their spans.

    Other records do not make patches: whoever sends logs need not send spans here, and a span that nobody else ever
    speaks of would be shown as one that never ended.
    """
    said = log_mapping.mapped(log for log in logs if log.name.startswith(_GEN_AI))
    return tuple(msgspec.structs.replace(patch, project_id=request.project_id, key_id=request.key_id) for patch in said)


async def insert(sink: SignalSink, reads: Sequence[Read], token: str) -> None:
    """Insert all rows; raises `StoreUnavailable` and what else the store refuses with."""
    logs = [row for one in reads for row in one.logs]
    points = [row for one in reads for row in one.points]
    if logs:
        await sink.insert_logs(logs, f"{token}.logs")
    if points:
        await sink.insert_points(points, f"{token}.points")


def _log(log: OtelLog, request: OtlpTraces, row_id: str) -> LogRecord:
    return LogRecord(
        project_id=request.project_id, id=row_id, key_id=request.key_id, surface=request.surface,
        trace_id=log.trace_id, span_id=log.span_id, at_ns=log.at_ns, observed_at_ns=log.observed_at_ns or log.at_ns,
        name=log.name, severity=log.severity, severity_text=log.severity_text,
        body="" if log.body is None else as_text(log.body),
        attributes=as_texts(log.attributes), resource=as_texts(log.resource), scope_name=log.scope.name,
        scope_version=log.scope.version,
    )  # fmt: skip


def _point(point: OtelPoint, request: OtlpTraces, row_id: str) -> MetricPoint:
    return MetricPoint(
        project_id=request.project_id, id=row_id, key_id=request.key_id, surface=request.surface, name=point.name,
        kind=point.kind.value, unit=point.unit, description=point.description, started_at_ns=point.started_at_ns,
        at_ns=point.at_ns, cumulative=point.cumulative, monotonic=point.monotonic, value=point.value,
        count=point.count, sum=point.sum, min=point.min, max=point.max, bounds=point.bounds, counts=point.counts,
        quantiles=point.quantiles, attributes=as_texts(point.attributes), resource=as_texts(point.resource),
        scope_name=point.scope.name, scope_version=point.scope.version,
        exemplars=tuple(_exemplar(one) for one in point.exemplars),
    )  # fmt: skip


def _exemplar(one: OtelExemplar) -> Exemplar:
    return Exemplar(one.at_ns, one.value, one.trace_id, one.span_id, as_texts(one.attributes))
