"""What is written out and what is taken away, on a real embedded store."""

import asyncio
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.domain.exporting import ExportFilter, ExportFormat, ExportWhat, RowPlace, Selection
from pilothouse.domain.keeping import DAY_NS, Kind, Subject
from pilothouse.domain.reading import TraceFilter
from pilothouse.domain.score import Score, ScoreType
from pilothouse.domain.span import Span, SpanStatus
from pilothouse.domain.telemetry import LogRecord
from pilothouse.store.telemetry import export
from pilothouse.store.telemetry.archive import Archive
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.conditions import moment
from pilothouse.store.telemetry.removal import Places
from tests.embedded_store import StoreProcess, own_store
from tests.spans import BASE_NS, full_span, make_span, new_project

WHOLE = (0, 2**62)


store_process = own_store()
"""Of this file's own: removing looks at all that is in it."""


@pytest.fixture
async def archive(store_process: StoreProcess):
    made = Archive(store_process.options())
    yield made
    await made.close()


async def rows_of(
    archive: Archive, wanted: Selection, fmt: ExportFormat = ExportFormat.JSONL
) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    after: RowPlace | None = None
    while (piece := await archive.chunk(wanted, fmt, after)) is not None:
        lines = [msgspec.json.decode(line) for line in piece.body.splitlines()]
        assert len(lines) == piece.rows
        found += lines
        after = piece.last
    return found


def everything(project: str, what: ExportWhat = ExportWhat.SPANS, **where: Any) -> Selection:
    return Selection(
        project_id=project,
        what=what,
        where=ExportFilter(**where),
        from_ns=WHOLE[0],
        to_ns=WHOLE[1],
    )


def score(span: Span, **changes: object) -> Score:
    plain = Score(
        project_id=span.project_id, id=f"s-{span.span_id}", trace_id=span.trace_id, span_id=span.span_id,
        name="helpful", type=ScoreType.NUMERIC, number=0.5, source="api", at_ns=span.started_at_ns,
        stated_at_ns=span.started_at_ns,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


async def test_every_row_is_written_once_in_order_however_it_is_cut(
    telemetry: Telemetry, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = new_project()
    spans = [
        make_span(project, started_at_ns=BASE_NS + (n // 3) * 40 * 60 * 10**9, span_id=f"{n:016x}") for n in range(60)
    ]
    await telemetry.insert(spans, f"{project}-1")
    await telemetry.insert([msgspec.structs.replace(spans[0], name="again")], f"{project}-2")
    whole = await archive.chunk(everything(project), ExportFormat.JSONL, None)
    assert whole is not None
    assert whole.rows == 60, "what is spread over many windows comes in one file"
    monkeypatch.setattr(export, "MAX_BYTES", 7_000)
    found = await rows_of(archive, everything(project))
    places = [(row["started_at_ns"], row["trace_id"], row["span_id"]) for row in found]
    assert places == sorted((span.started_at_ns, span.trace_id, span.span_id) for span in spans)
    assert next(row for row in found if row["span_id"] == spans[0].span_id)["name"] == "again"


async def test_a_row_holds_what_its_span_holds(telemetry: Telemetry, archive: Archive) -> None:
    project = new_project()
    span = full_span(project)
    await telemetry.insert([span], project)
    (row,) = await rows_of(archive, everything(project))
    for name in ("trace_id", "span_id", "name", "input", "output", "user_id", "session_id", "metadata", "error_detail"):
        assert row[name] == getattr(span, name)
    assert row["started_at_ns"] == span.started_at_ns
    assert str(row["started_at"]).endswith("Z")
    assert Decimal(str(row["cost_usd"])) == span.cost_usd


def counted(file: Path) -> str:
    """Read a file with an engine of its own, which must not live in the process of the tests."""
    code = (
        "import sys, chdb; found = chdb.query('SELECT count(), uniqExact(name) FROM file({file:String}, Parquet)',"
        " 'TSV', params={'file': sys.argv[1]}); print(found.bytes().decode().replace(chr(9), ' '), end='')"
    )
    return subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True).stdout


async def test_parquet_is_written_by_the_store(telemetry: Telemetry, archive: Archive, tmp_path: Path) -> None:
    project = new_project()
    await telemetry.insert([make_span(project) for _ in range(5)], project)
    piece = await archive.chunk(everything(project), ExportFormat.PARQUET, None)
    assert piece is not None
    assert piece.rows == 5
    file = tmp_path / "rows.parquet"
    file.write_bytes(piece.body)
    assert await asyncio.to_thread(counted, file) == "5 1\n"
    assert await archive.chunk(everything(project), ExportFormat.PARQUET, piece.last) is None


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(
        st.tuples(
            st.integers(0, 5), st.sampled_from(["ada", "bob", ""]), st.sampled_from(list(SpanStatus)), st.integers(0, 9)
        ),
        min_size=1,
        max_size=25,
    ),
    user=st.sampled_from(["", "ada"]),
    status=st.sampled_from([(), (SpanStatus.ERROR,)]),
)
async def test_an_export_says_what_the_list_says(
    telemetry: Telemetry,
    archive: Archive,
    made: list[tuple[int, str, SpanStatus, int]],
    user: str,
    status: tuple[SpanStatus, ...],
) -> None:
    project = new_project()
    spans = [
        make_span(
            project, trace_id=f"{trace:032x}", span_id=f"{n:016x}", user_id=who, status=state,
            started_at_ns=BASE_NS + hour * 3600 * 10**9,
        )
        for n, (trace, who, state, hour) in enumerate(made)
    ]  # fmt: skip
    await telemetry.insert(spans, project)
    page = await telemetry.traces(
        TraceFilter(
            project_id=project, from_at=moment(BASE_NS), to_at=moment(BASE_NS + DAY_NS), user_id=user, statuses=status
        )
    )
    found = await rows_of(archive, everything(project, ExportWhat.TRACES, user_id=user, statuses=status))
    listed = {one.trace_id for one in page.items}
    assert {row["trace_id"] for row in found} == listed
    assert len(found) == sum(span.trace_id in listed for span in spans)


async def test_a_users_traces_go_whole_with_all_their_versions_and_nobody_elses(
    telemetry: Telemetry, archive: Archive
) -> None:
    project, other = new_project(), new_project()
    named = make_span(project, user_id="ada")
    child = make_span(project, trace_id=named.trace_id)
    bobs = make_span(project, user_id="bob")
    foreign = make_span(other, user_id="ada", trace_id=named.trace_id)
    unnamed = msgspec.structs.replace(named, user_id="", name="before the user was known")
    await telemetry.insert([unnamed], f"{project}-0")
    await telemetry.insert([named, child, bobs, foreign], f"{project}-1")
    await telemetry.insert_scores([score(one) for one in (named, child, bobs, foreign)], f"{project}-2")
    await telemetry.insert_logs([log(one) for one in (named, bobs, foreign)], f"{project}-3")
    await telemetry.insert_logs([log(named, id="free", trace_id="", attributes={"user.id": "ada"})], f"{project}-4")
    wanted = Places(project, Subject.USER, "ada")
    traces = await archive.traces_of(wanted)
    assert traces == [named.trace_id]
    assert await archive.count(wanted, traces) == {"spans": 3, "scores": 2, "logs": 2, "metrics": 0, "exemplars": 0}
    await archive.hide(wanted, traces)
    assert sum((await archive.count(wanted, traces)).values()) == 0
    assert await archive.traces_of(wanted) == []
    left = {row["span_id"] for row in await rows_of(archive, everything(project))}
    assert left == {bobs.span_id}
    assert len(await rows_of(archive, everything(other))) == 1
    assert len(await rows_of(archive, everything(project, ExportWhat.SCORES))) == 1
    assert len(await rows_of(archive, everything(project, ExportWhat.LOGS))) == 1
    await archive.erase()
    assert {row["span_id"] for row in await rows_of(archive, everything(project))} == {bobs.span_id}


async def test_what_is_too_old_goes_in_every_version_and_only_in_its_project(
    telemetry: Telemetry, archive: Archive
) -> None:
    project, other = new_project(), new_project()
    old, young = make_span(project), make_span(project, started_at_ns=BASE_NS + 2 * DAY_NS)
    await telemetry.insert([old, young, make_span(other)], f"{project}-1")
    await telemetry.insert([msgspec.structs.replace(old, name="patched")], f"{project}-2")
    before_ns = BASE_NS + DAY_NS
    assert await archive.older(project, Kind.SPANS, before_ns) == 1
    await archive.hide_older(project, Kind.SPANS, before_ns)
    assert await archive.older(project, Kind.SPANS, before_ns) == 0
    assert [row["span_id"] for row in await rows_of(archive, everything(project))] == [young.span_id]
    assert len(await rows_of(archive, everything(other))) == 1


async def test_bodies_go_and_numbers_stay(telemetry: Telemetry, archive: Archive) -> None:
    project = new_project()
    span = full_span(project)
    await telemetry.insert([span], project)
    before_ns = span.started_at_ns + DAY_NS
    assert await archive.with_bodies(project, Kind.SPANS, before_ns) == 1
    await archive.empty_bodies(project, Kind.SPANS, before_ns)
    assert await archive.with_bodies(project, Kind.SPANS, before_ns) == 0
    (row,) = await rows_of(archive, everything(project))
    assert (row["input"], row["output"], row["attributes"], row["events"]) == ("", "", {}, "")
    assert row["name"] == span.name
    assert row["duration_ns"] == span.duration_ns
    assert row["cost_usd"] is not None


def log(span: Span, **changes: object) -> LogRecord:
    plain = LogRecord(
        project_id=span.project_id, id=f"l-{span.span_id}", key_id="", surface="otlp", trace_id=span.trace_id,
        span_id=span.span_id, at_ns=span.started_at_ns, observed_at_ns=span.started_at_ns, name="", severity=9,
        severity_text="INFO", body="said", attributes={}, resource={}, scope_name="", scope_version="",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)
