"""The schema: rendered for one server and for a cluster, brought up by migrations."""

import asyncio
import uuid

import msgspec
import pytest

from pilothouse.errors import DataFolderNewer
from pilothouse.store.telemetry import batches, schema
from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.connection import Connection, Query
from tests.embedded_store import StoreProcess

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
    assert text.count("CREATE") == text.count("IF NOT EXISTS")


@pytest.mark.parametrize("migration", schema.MIGRATIONS, ids=lambda migration: migration.name)
def test_a_cluster_gets_replicated_and_distributed_tables(migration: schema.Migration) -> None:
    statements = schema.render(migration, CLUSTER)
    text = "\n".join(statements)
    assert "$" not in text
    assert all("ON CLUSTER `main`" in statement for statement in statements)
    assert "ReplicatedReplacingMergeTree(inserted_at)" in text
    assert "Distributed('main', 'obs', 'spans_local'" in text
    assert "replicated_deduplication_window = " in text


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
    assert [(row.name, row.type) for row in rows] == [(column.name, column.type) for column in batches.COLUMNS]
    await connection.close()


async def test_many_processes_may_migrate_at_the_same_time(store_process: StoreProcess) -> None:
    database = f"race_{uuid.uuid4().hex}"
    clients = [Telemetry(store_process.options(database=database)) for _ in range(4)]
    await asyncio.gather(*(client.migrate() for client in clients))
    assert (await clients[0].stats()).schema_version == schema.LATEST
    for client in clients:
        await client.close()


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
