"""The schema: rendered for one server and for a cluster, brought up by migrations."""

import asyncio
import time
import uuid
from pathlib import Path

import msgspec
import pytest

from pilothouse.errors import DataFolderNewer, QueryRefused
from pilothouse.store.telemetry import batches, schema
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Query
from tests.embedded_store import StoreProcess, running
from tests.spans import full_span

ONE = schema.Layout()
CLUSTER = schema.Layout("obs", "main")


class Described(msgspec.Struct):
    name: str
    type: str


def test_versions_rise_by_one() -> None:
    assert [migration.version for migration in schema.MIGRATIONS] == list(range(1, schema.LATEST + 1))


@pytest.mark.parametrize("migration", schema.MIGRATIONS, ids=lambda migration: migration.name)
def test_one_server_gets_plain_tables(migration: schema.Migration) -> None:
    text = "\n".join(schema.render(migration, ONE))
    for word in ("ON CLUSTER", "Replicated", "Distributed", "$", "_local"):
        assert word not in text
    assert sum(text.count(word) for word in ("CREATE", "ADD COLUMN", "ADD INDEX")) == text.count("IF NOT EXISTS")
    assert sum(text.count(word) for word in ("DROP", "TRUNCATE")) == text.count("IF EXISTS")


@pytest.mark.parametrize("migration", schema.MIGRATIONS, ids=lambda migration: migration.name)
def test_a_cluster_gets_replicated_and_distributed_tables(migration: schema.Migration) -> None:
    statements = schema.render(migration, CLUSTER)
    text = "\n".join(statements)
    assert "$" not in text
    assert all("ON CLUSTER `main`" in statement for statement in statements)
    for statement in statements:
        if statement.lstrip().startswith("CREATE"):
            assert "ReplicatedReplacingMergeTree" in statement or "Distributed('main', 'obs', '" in statement
        else:
            assert statement.lstrip().startswith(("ALTER TABLE `obs`.spans", "ALTER TABLE `obs`.rollup_parts",
                                                  "TRUNCATE TABLE IF EXISTS `obs`.rollup_",
                                                  "DROP TABLE IF EXISTS `obs`.rollups",
                                                  "DROP TABLE IF EXISTS `obs`.rollup_rows"))  # fmt: skip
    assert text.count("_deduplication_window") == text.count("replicated_deduplication_window")
    assert "non_replicated" not in text


@pytest.mark.parametrize("name", ["a`b", "a'b", "a;b", "a b"])
def test_a_name_that_could_be_sql_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name"):
        schema.render_database(schema.Layout(name))
    with pytest.raises(ValueError, match="no name"):
        schema.render_versions(schema.Layout("a", name))


async def test_the_columns_sent_are_those_of_the_table(telemetry: Telemetry, store_process: StoreProcess) -> None:
    connection = Connection(store_process.options())
    rows = await connection.select(
        Query(
            "t",
            "SELECT name, type FROM system.columns"
            " WHERE database = 'pilothouse' AND table = 'spans' AND default_kind = ''",
        ),
        Described,
    )
    sent = list(zip(batches.NAMES, batches.TYPES, strict=True))
    assert sent.pop()[0] == batches.VERSION, "a default of the table, for rows written by hand"
    assert [(row.name, row.type) for row in rows] == sent
    await connection.close()


async def test_many_processes_may_migrate_at_the_same_time(store_process: StoreProcess) -> None:
    database = f"race_{uuid.uuid4().hex}"
    clients = [Telemetry(store_process.options(database=database)) for _ in range(4)]
    await asyncio.gather(*(client.migrate() for client in clients))
    assert (await clients[0].stats()).schema_version == schema.LATEST
    for client in clients:
        await client.close()


@pytest.mark.parametrize("threads", [1, 2, 4])
async def test_the_tables_take_any_number_of_merges_at_a_time(tmp_path: Path, threads: int) -> None:
    for _ in ("first start", "second start"):
        with running(tmp_path, threads) as store:
            client = Telemetry(store.options())
            await client.migrate()
            await client.insert([full_span("p")], "one")
            assert (await client.stats()).rows == 1
            await client.close()
            assert store.stop() == 0


async def test_a_migration_does_not_wait_for_the_rows_that_are_there(store_process: StoreProcess) -> None:
    options = store_process.options(database=f"waiting_{uuid.uuid4().hex}")
    client, connection = Telemetry(options), Connection(options)
    await client.migrate()
    await client.insert([full_span("p")], "one")
    await connection.command("SYSTEM STOP MERGES spans")
    try:
        async with asyncio.timeout(20):
            for migration in schema.MIGRATIONS:
                for statement in schema.render(migration, schema.Layout(options.database)):
                    if "MATERIALIZE INDEX" in statement:
                        await connection.command(statement)
    finally:
        await connection.command("SYSTEM START MERGES spans")
    await client.close()
    await connection.close()


async def test_what_changes_rows_is_run_with_its_settings(telemetry: Telemetry, store_process: StoreProcess) -> None:
    connection = Connection(store_process.options())
    statement = Query("none", "ALTER TABLE spans DELETE WHERE project_id = {it:String}", {"it": uuid.uuid4().hex})
    await connection.change(statement, {"mutations_sync": 2})
    with pytest.raises(QueryRefused):
        await connection.change(statement, {"no_such_setting": 1})
    await connection.close()


async def test_a_newer_schema_is_refused(store_process: StoreProcess) -> None:
    options = store_process.options(database=f"newer_{uuid.uuid4().hex}")
    client, connection = Telemetry(options), Connection(options)
    await client.migrate()
    newer = schema.LATEST + 1
    await connection.insert("schema_versions", ("version", "name"), ("UInt32", "String"), lambda: [[newer], ["x"]], "t")
    with pytest.raises(DataFolderNewer, match=str(newer)):
        await client.migrate()
    await client.close()
    await connection.close()


async def test_rows_of_the_first_schema_mean_the_same_after_the_migration(store_process: StoreProcess) -> None:
    options = store_process.options(database=f"old_{uuid.uuid4().hex}")
    layout = schema.Layout(options.database)
    connection, client = Connection(options), Telemetry(options)
    await connection.command(schema.render_database(layout), use_database=False)
    await connection.command(schema.render_versions(layout))
    for statement in schema.render(schema.MIGRATIONS[0], layout):
        await connection.command(statement)
    await connection.insert("schema_versions", ("version", "name"), ("UInt32", "String"), lambda: [[1], ["x"]], "t")
    span = msgspec.structs.replace(full_span("p"), running=False, abandoned=False, wrapper=False)
    places = [number for number, name in enumerate(batches.NAMES) if name in FIRST_COLUMNS]
    values = batches.columns([span], 0)
    await connection.insert(
        "spans", [batches.NAMES[at] for at in places], [batches.TYPES[at] for at in places],
        lambda: [values[at] for at in places], "old",
    )  # fmt: skip
    for _ in range(2):
        # A migration that was cut short is repeated.
        for statement in schema.render(schema.MIGRATIONS[1], layout):
            await connection.command(statement)
    await client.migrate()
    trace = await client.trace("p", span.trace_id)
    assert trace is not None
    [detail] = trace.spans
    assert (detail.running, detail.abandoned, detail.wrapper, detail.links, detail.level) == (
        False,
        False,
        False,
        (),
        "",
    )
    assert (trace.summary.call_count, trace.summary.usage, trace.summary.cost_usd) == (1, span.usage, span.cost_usd)
    await client.insert([span], "new")
    again = await client.trace("p", span.trace_id)
    assert again is not None
    assert again.summary.span_count == 1
    assert again.spans[0].release == span.release
    await client.close()
    await connection.close()


async def test_a_row_replaces_one_that_was_written_before_the_clock_was_set_back(store_process: StoreProcess) -> None:
    options = store_process.options(database=f"clock_{uuid.uuid4().hex}")
    first, connection = Telemetry(options), Connection(options)
    await first.migrate()
    span = full_span("p")
    in_an_hour_us = (time.time_ns() + 3600 * 10**9) // 1000
    await connection.insert(
        "spans", batches.NAMES, batches.TYPES, lambda: batches.columns([span], in_an_hour_us), "before"
    )  # fmt: skip
    second = Telemetry(options)
    await second.migrate()
    await second.insert([msgspec.structs.replace(span, output="after")], "after")
    trace = await second.trace("p", span.trace_id)
    assert trace is not None
    assert [one.output for one in trace.spans] == ["after"]
    for client in (first, second, connection):
        await client.close()


FIRST_COLUMNS = set(batches.NAMES[: batches.NAMES.index("output_preview") + 1])
