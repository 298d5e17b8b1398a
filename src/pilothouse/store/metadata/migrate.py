"""Bringing a database to the form of this version: Alembic without its ini file and without its command."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, inspect, select, text, update

from pilothouse.errors import DataFolderNewer
from pilothouse.store.metadata import tables

_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x70696C6F74  # "pilot": one upgrade at a time on PostgreSQL
_WRITER = "schema_writer"


def upgrade(connection: Connection, app_version: str) -> str:
    """Upgrade to the newest schema within the connection's open transaction and return its revision.

    Raises `DataFolderNewer` when a newer version of Pilothouse wrote the database. Waits while another process
    upgrades.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    script = ScriptDirectory(str(_FOLDER))
    head = script.get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise DataFolderNewer(
            f"the metadata database was written by Pilothouse {_writer(connection)} (schema {current}); this is "
            f"Pilothouse {app_version} (schema {head}): install the newer version again, or restore an older backup"
        )
    if current != head:
        _run(connection, script)
        _note_writer(connection, app_version)
    return head or ""


def _run(connection: Connection, script: ScriptDirectory) -> None:
    def steps(current: str | tuple[str, ...], _context: MigrationContext) -> list[MigrationStep]:
        base = current or "base"
        missing = reversed(list(script.iterate_revisions("head", base if isinstance(base, str) else base[0])))
        return [MigrationStep.upgrade_from_script(script.revision_map, revision) for revision in missing]

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection=connection, target_metadata=tables.metadata, render_as_batch=True)
        environment.run_migrations()


def _writer(connection: Connection) -> str:
    if not inspect(connection).has_table(tables.kv.name):
        return "of a newer version"
    found = connection.execute(select(tables.kv.c.value).where(tables.kv.c.key == _WRITER)).scalar_one_or_none()
    return found or "of a newer version"


def _note_writer(connection: Connection, app_version: str) -> None:
    changed = connection.execute(update(tables.kv).where(tables.kv.c.key == _WRITER).values(value=app_version))
    if not changed.rowcount:
        connection.execute(insert(tables.kv).values(key=_WRITER, value=app_version))
