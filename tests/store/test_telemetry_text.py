"""Any text goes in and comes back as it was."""

import asyncio
import gc
import uuid
import weakref

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pilothouse.domain.span import Span
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Query
from tests.embedded_store import StoreProcess
from tests.spans import make_span, new_project

ANY = st.text(st.characters(exclude_categories=["Cs"]))
NASTY = [
    "\x00",
    "a\x00b",
    "'",
    '"',
    "\\",
    "\\N",
    "`",
    "\t\n\r",
    "🕰️👩‍👩‍👧",
    "{x:String}",
    "\ufeff",
    "\u2028",
    "%_",
    "x" * 3_000_000,
]


async def _back(store: StoreProcess, spans: list[Span]) -> list[Span]:
    client = Telemetry(store.options())
    await client.migrate()
    await client.insert(spans, uuid.uuid4().hex)
    trace = await client.trace(spans[0].project_id, spans[0].trace_id, None)
    await client.close()
    assert trace is not None
    return trace.spans  # type: ignore[return-value]


def _of(project: str, text: str) -> Span:
    return make_span(
        project, trace_id="t" * 32, name=text, input=text, output=text, error_detail=text, user_id=text,
        session_id=text, tags=(text, text), metadata={text: text}, attributes={"a": text}, request_headers={text: text},
        model_served=text,
    )  # fmt: skip


FIELDS = ("name", "input", "output", "error_detail", "user_id", "session_id", "tags", "metadata", "attributes",
          "request_headers", "model_served")  # fmt: skip


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(ANY, min_size=1, max_size=20))
def test_any_text(store_process: StoreProcess, texts: list[str]) -> None:
    _check(store_process, texts)


@pytest.mark.parametrize("text", NASTY, ids=lambda text: repr(text[:8]))
def test_nasty_text(store_process: StoreProcess, text: str) -> None:
    _check(store_process, [text])


def _check(store: StoreProcess, texts: list[str]) -> None:
    project = new_project()
    sent = {span.span_id: span for span in (_of(project, text) for text in texts)}
    back = asyncio.run(_back(store, list(sent.values())))
    assert len(back) == len(sent)
    for detail in back:
        span = sent[detail.span_id]
        assert {name: getattr(detail, name) for name in FIELDS} == {name: getattr(span, name) for name in FIELDS}


async def test_a_search_looks_at_all_words_that_hold_a_piece(telemetry: Telemetry, store_process: StoreProcess) -> None:
    """The engine gives up at 50 of them, and then reads all texts."""
    connection = Connection(store_process.options())
    sql = "SELECT getSetting('text_index_like_max_postings_to_read') AS most"
    assert await connection.select(Query("setting", sql), dict[str, int]) == [{"most": 10_000}]
    await connection.close()


@pytest.mark.parametrize(("cluster", "mode"), [("", "deny"), ("main", "global")])
async def test_lists_in_conditions_are_those_of_all_servers(
    telemetry: Telemetry, store_process: StoreProcess, cluster: str, mode: str
) -> None:
    connection = Connection(msgspec.structs.replace(store_process.options(), cluster=cluster))
    sql = "SELECT getSetting('distributed_product_mode') AS mode"
    assert await connection.select(Query("setting", sql), dict[str, str]) == [{"mode": mode}]
    await connection.close()


async def test_nothing_of_a_batch_waits_for_the_collector_of_cycles(telemetry: Telemetry) -> None:
    class Text(str):
        __slots__ = ("__weakref__",)

    # The first one makes the client.
    await telemetry.insert([make_span(new_project())], uuid.uuid4().hex)
    text = Text("a long text" * 100)
    loop, gone = asyncio.get_running_loop(), asyncio.Event()
    known = weakref.ref(text, lambda _: loop.call_soon_threadsafe(gone.set))
    gc.disable()
    try:
        await telemetry.insert([make_span(new_project(), input=text)], uuid.uuid4().hex)
        del text
        async with asyncio.timeout(10):
            await gone.wait()
        assert known() is None
    finally:
        gc.enable()
