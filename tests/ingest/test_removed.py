"""The gate turns away what was removed, and nothing else."""

from collections.abc import Mapping

import msgspec
import pytest

from pilothouse.domain.envelope import OtlpTraces
from pilothouse.domain.keeping import DAY_NS, REMOVED, Marks, Retention
from pilothouse.domain.receipt import ReceiptOutcome
from pilothouse.domain.score import Score, ScoreType
from pilothouse.domain.telemetry import Exemplar, MetricPoint
from pilothouse.errors import MetadataUnavailable
from pilothouse.ingest.loop import IngestLoop
from pilothouse.ingest.reading import Arrived, Contents, Source
from pilothouse.ingest.removed import Gate
from pilothouse.ingest.scores import ScoreRead
from pilothouse.ingest.signals import Read
from pilothouse.spool import CALL, Item, SpoolWriter
from tests.ingest.test_loop import CATALOG, QUICK, Store
from tests.spans import BASE_NS, make_span
from tests.spool.records import call

MARKS = Marks(bytes(32))
NOW_NS = BASE_NS + 10 * DAY_NS
ITEM = Item(group_id=1, position=0, kind=CALL, payload=b"")


class Written:
    def __init__(self, marks: frozenset[bytes] = frozenset(), retention: Retention | None = None) -> None:
        self.found = marks
        self.kept = {"p": retention} if retention else {}
        self.away = False

    async def marks(self, since_ns: int) -> frozenset[bytes]:
        if self.away:
            raise MetadataUnavailable("away")
        return self.found

    async def retentions(self) -> Mapping[str, Retention]:
        return self.kept


def contents(*spans: object) -> Contents:
    found = Contents({}, [])
    for span in spans:
        key = span.project_id, span.trace_id, span.span_id  # type: ignore[attr-defined]
        found.spans[key] = Arrived([Source(item=ITEM, project_id="p", surface="gateway")], [], span)  # type: ignore[arg-type]
    return found


async def gate(written: Written) -> Gate:
    made = Gate(written, MARKS, lambda: NOW_NS)
    await made.refresh()
    return made


async def test_spans_and_scores_of_a_removed_trace_are_turned_away_and_counted() -> None:
    gone, here, foreign = make_span("p"), make_span("p"), make_span("q")
    foreign = msgspec.structs.replace(foreign, trace_id=gone.trace_id)
    arrived = contents(gone, here, foreign)
    score = Score(
        project_id="p", id="s", trace_id=gone.trace_id, name="n", type=ScoreType.NUMERIC, number=1.0, source="api",
        at_ns=NOW_NS, stated_at_ns=NOW_NS,
    )  # fmt: skip
    arrived.scores.append(ScoreRead(ITEM, (score, msgspec.structs.replace(score, id="t", trace_id=here.trace_id))))
    told = (await gate(Written(frozenset({MARKS.trace("p", gone.trace_id)})))).filter(arrived)
    assert {key[0:2] for key in arrived.spans} == {("p", here.trace_id), ("q", gone.trace_id)}
    assert [one.id for one in arrived.scores[0].scores] == ["t"]
    assert [(one.signal, one.outcome, one.reason) for one in told] == [
        ("traces", ReceiptOutcome.REJECTED, REMOVED),
        ("scores", ReceiptOutcome.REJECTED, REMOVED),
    ]


async def test_what_starts_before_the_project_keeps_it_is_turned_away() -> None:
    old, young = make_span("p"), make_span("p", started_at_ns=BASE_NS + 9 * DAY_NS)
    arrived = contents(old, young, make_span("q"))
    (await gate(Written(retention=Retention(traces_days=7)))).filter(arrived)
    assert {key[0] for key in arrived.spans} == {"p", "q"}
    assert (old.project_id, old.trace_id, old.span_id) not in arrived.spans
    assert (young.project_id, young.trace_id, young.span_id) in arrived.spans


async def test_nothing_is_touched_where_nothing_was_removed() -> None:
    arrived = contents(make_span("p"))
    assert (await gate(Written())).filter(arrived) == []
    assert len(arrived.spans) == 1


async def test_what_is_known_stays_known_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    span = make_span("p")
    written = Written(frozenset({MARKS.trace("p", span.trace_id)}))
    made = await gate(written)
    written.away = True
    monkeypatch.setattr(made, "_next", 0.0)
    await made.refresh()
    arrived = contents(span)
    made.filter(arrived)
    assert arrived.spans == {}


async def test_a_late_word_of_a_removed_trace_stays_out_of_the_store_and_is_in_the_ledger(tmp_path):
    store, told = Store(), []

    async def note(receipts):
        told.extend(receipts)

    gone = call(1).trace_id
    guard = Gate(Written(frozenset({MARKS.trace("", gone)})), MARKS, lambda: NOW_NS)
    loop = IngestLoop(tmp_path, store, CATALOG, QUICK, note, guard)
    await loop.start()
    try:
        with SpoolWriter(tmp_path / "a") as writer:
            for number in range(4):
                writer.offer(call(number))
            await store.until(lambda: len(store.numbers) == 3)
    finally:
        await loop.stop()
    assert sorted(store.numbers) == [0, 2, 3]
    assert [(one.outcome, one.items) for one in told if one.reason == REMOVED] == [(ReceiptOutcome.REJECTED, 1)]


async def test_a_data_point_stays_without_the_exemplars_of_a_removed_trace() -> None:
    gone, here = make_span("p"), make_span("p")
    exemplars = tuple(Exemplar(NOW_NS, 1.0, one.trace_id, one.span_id) for one in (gone, here))
    point = MetricPoint(
        project_id="p", id="1", surface="otlp_http", name="n", kind="histogram", at_ns=NOW_NS, exemplars=exemplars
    )
    arrived = contents()
    request = OtlpTraces(
        project_id="p", received_at_ns=NOW_NS, content_type="application/json", surface="otlp_http", body=b""
    )
    arrived.signals.append(Read(ITEM, request, points=(point,)))
    assert (await gate(Written(frozenset({MARKS.trace("p", gone.trace_id)})))).filter(arrived) == []
    assert arrived.signals[0].points == (msgspec.structs.replace(point, exemplars=exemplars[1:]),)
