"""What became of the records of a batch, as counts for the ledger."""

from collections import Counter
from collections.abc import Iterable

from pilothouse.domain.envelope import OTLP_LOGS
from pilothouse.domain.receipt import MINUTE_NS, Receipt, ReceiptOutcome
from pilothouse.ingest.reading import SPAN_REASONS, Arrived, Source, Unusable

_Key = tuple[str, str, str, str, ReceiptOutcome, str]
_SAMPLE_CHARS = 200


def receipts(arrived: Iterable[Arrived], unusable: Iterable[Unusable], now_ns: int) -> list[Receipt]:
    """Return counts of the spans that are in the store, and of what is not and why, by sender."""
    lost = list(unusable)
    of_spans = Counter(id(one.source) for one in lost if one.reason in SPAN_REASONS)
    counts: dict[_Key, tuple[int, str]] = {}
    for one in arrived:
        for source in one.sources:
            if source.item.kind == OTLP_LOGS:
                # counted as the log records that they are
                continue
            if of_spans[id(source)]:
                of_spans[id(source)] -= 1
            else:
                _count(counts, source, ReceiptOutcome.MERGED, "", "")
    for one in lost:
        _count(counts, one.source, ReceiptOutcome.SET_ASIDE, one.reason, one.detail[:_SAMPLE_CHARS])
    return [
        Receipt(
            project_id=project_id, minute_ns=now_ns - now_ns % MINUTE_NS, surface=surface, signal="traces",
            sdk_name=sdk_name, sdk_version=sdk_version, outcome=outcome, reason=reason, items=items, sample=sample,
        )
        for (project_id, surface, sdk_name, sdk_version, outcome, reason), (items, sample) in counts.items()
    ]  # fmt: skip


def _count(
    counts: dict[_Key, tuple[int, str]], source: Source, outcome: ReceiptOutcome, reason: str, sample: str
) -> None:
    key = source.project_id, source.surface, source.sdk_name, source.sdk_version, outcome, reason
    items, before = counts.get(key, (0, ""))
    counts[key] = items + 1, sample or before
