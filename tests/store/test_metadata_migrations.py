"""From an empty database to this version's schema."""

import asyncio
import os
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
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


def test_reviews_of_before_are_those_of_their_reviewers(engine: Engine) -> None:
    script = ScriptDirectory(str(Path(tables.__file__).parent / "migrations"))

    def steps(_revision: object, _context: MigrationContext) -> list[MigrationStep]:
        before = reversed(list(script.iterate_revisions("0017", "base")))
        return [MigrationStep.upgrade_from_script(script.revision_map, one) for one in before]

    with engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        with EnvironmentContext(Config(), script, fn=steps) as environment:
            environment.configure(connection=connection, target_metadata=tables.metadata, render_as_batch=True)
            environment.run_migrations()
        connection.execute(text("INSERT INTO projects (id, name, created_at_ns) VALUES ('p', 'p', 1)"))
        for queue_id, details in (("q1", '{"enable_reservations":true,"reservation_minutes":5}'), ("q2", "{}")):
            connection.execute(
                text(
                    "INSERT INTO review_queues (id, project_id, name, description, instructions, rubric, details, "
                    "created_by, created_at_ns, updated_at_ns) VALUES (:id, 'p', 'q', '', '', '[]', :details, '', 1, 1)"
                ),
                {"id": queue_id, "details": details},
            )
        for number, (state, by, at_ns) in enumerate((("done", "ada", 7), ("begun", "bob", None), ("waiting", "cy", 7))):
            connection.execute(
                text(
                    "INSERT INTO review_items (id, project_id, queue_id, trace_id, span_id, session_id, subject_at_ns, "
                    "state, added_by, added_at_ns, reviewed_by, reviewed_at_ns, details) VALUES "
                    "(:id, 'p', 'q1', :id, '', '', 1, :state, '', 3, :by, :at_ns, '{}')"
                ),
                {"id": f"i{number}", "state": state, "by": by, "at_ns": at_ns},
            )
    migrate(engine)
    with engine.connect() as connection:
        marks = connection.execute(text("SELECT item_id, reviewer, state, at_ns FROM review_marks ORDER BY item_id"))
        assert marks.all() == [("i0", "ada", "done", 7), ("i1", "bob", "begun", 3)]
        queues = connection.execute(text("SELECT reviewers_per_item, reservation_s FROM review_queues ORDER BY id"))
        assert queues.all() == [(1, 300), (1, None)]
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
