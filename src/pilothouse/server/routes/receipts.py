"""What became of telemetry that SDKs sent: the ledger of the ways in."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from litestar import get

from pilothouse.domain.receipt import Receipt, ReceiptOutcome
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import RangeDep
from pilothouse.server.views import at


class ReceiptView(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the items of one way in, one SDK, for one reason."""

    surface: str
    """The way in: `otlp_http`, `otlp_grpc`, `langfuse` …"""
    signal: str
    """`traces`, `logs` or `metrics`."""
    sdk_name: str
    sdk_version: str
    outcome: ReceiptOutcome
    reason: str
    """A stable word; empty when accepted or merged."""
    requests: int
    items: int
    """Spans, log records or data points."""
    sample: str
    """Of the newest such item: its id and what was wrong."""
    last_at: datetime
    """The start of the last minute in which it happened."""


class ReceiptList(msgspec.Struct, frozen=True):
    """Counts of a time range, the newest first."""

    items: list[ReceiptView]


@get("/receipts", operation_id="listReceipts", summary="What became of telemetry that was sent")
async def show(parts: Parts, project: ProjectDep, during: RangeDep) -> ReceiptList:
    """Return accepted, merged, rejected and refused telemetry of a time range, by way in, SDK and reason."""
    if parts.receipts is None:
        return ReceiptList([])
    from_ns, to_ns = (int(moment.timestamp() * 1e9) for moment in (during.from_at, during.to_at))
    return ReceiptList(_summed(await parts.receipts.page(project, from_ns, to_ns)))


HANDLERS = (show,)


def _summed(receipts: Iterable[Receipt]) -> list[ReceiptView]:
    """Add the minutes up; receipts come newest first, so the first sample of each kind is the newest."""
    found: dict[tuple[str, ...], ReceiptView] = {}
    for one in receipts:
        key = (one.surface, one.signal, one.sdk_name, one.sdk_version, one.outcome, one.reason)
        held = found.get(key)
        if held is None:
            found[key] = ReceiptView(
                surface=one.surface, signal=one.signal, sdk_name=one.sdk_name, sdk_version=one.sdk_version,
                outcome=one.outcome, reason=one.reason, requests=one.requests, items=one.items, sample=one.sample,
                last_at=at(one.minute_ns),
            )  # fmt: skip
        else:
            found[key] = msgspec.structs.replace(
                held, requests=held.requests + one.requests, items=held.items + one.items,
                sample=held.sample or one.sample,
            )  # fmt: skip
    return list(found.values())
