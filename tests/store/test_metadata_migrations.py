"""From an empty database to this version's schema."""

import asyncio
import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from pilothouse.errors import DataFolderNewer
from pilothouse.store.metadata import tables
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.engine import WRITE, make_engine
from pilothouse.store.metadata.migrate import upgrade
from pilothouse.store.metadata.options import MetadataOptions


@pytest.fixture
def engine(database_url: str) -> Engine:
    return make_engine(MetadataOptions(url=database_url))


def migrate(engine: Engine, version: str = "0.1.0") -> str:
    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        return upgrade(connection, version)


def test_empty_to_head_gives_exactly_the_defined_tables(engine: Engine) -> None:
    migrate(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, tables.metadata) == []
        inspector = inspect(connection)
        for table in tables.metadata.tables.values():
            found = inspector.get_pk_constraint(table.name)
            assert found["constrained_columns"] == [column.name for column in table.primary_key]
            nullable = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert nullable == {column.name: column.nullable for column in table.columns}
    engine.dispose()


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    first = migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE snapshot_version SET version = 7"))
    assert migrate(engine) == first
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version FROM snapshot_version")).scalar_one() == 7
    engine.dispose()


def test_a_newer_database_is_refused_with_both_versions(engine: Engine) -> None:
    newest = migrate(engine, "9.8.7")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataFolderNewer) as caught:
        migrate(engine, "0.1.0")
    assert all(told in caught.value.detail for told in ("9.8.7", "9999", "0.1.0", newest))
    engine.dispose()


def test_a_failed_upgrade_leaves_no_half_schema(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kv (something TEXT)"))
    with pytest.raises(Exception, match="kv"):
        migrate(engine)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"kv", "alembic_version"}
    engine.dispose()


async def test_several_processes_may_upgrade_at_once(database_url: str) -> None:
    opened = [Metadata(MetadataOptions(url=database_url)) for _ in range(4)]
    for each in opened:
        await each.connect()
    await asyncio.gather(*(each.migrate() for each in opened))
    assert [await each.ping() for each in opened] == [None] * 4
    for each in opened:
        await each.close()


def test_sqlite_files_are_for_their_owner_only_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "pilothouse.db"
    path.touch(mode=0o644)
    engine = make_engine(MetadataOptions(url=f"sqlite:///{path}"))
    migrate(engine)
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        files = sorted(tmp_path.iterdir())
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
        assert len(files) == 3
        assert {os.stat(file).st_mode & 0o777 for file in files} == {0o600}
    engine.dispose()
