"""The connection to the database: URL, pool, pragmas, and driver errors told apart by type and code."""

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pilothouse.errors import (
    Conflict,
    DataFolderUnwritable,
    DiskFull,
    InvalidRequest,
    MetadataUnavailable,
    SettingsInvalid,
)
from pilothouse.store.metadata.options import MetadataOptions

WRITE = "pilothouse_write"
"""Execution option of a connection that is going to write."""

_UNIQUE = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_UNAVAILABLE = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM,
})  # fmt: skip
_SQLSTATE_CLASSES = frozenset({"08", "28", "3D", "40", "53", "55", "57", "58", "XX"})
"""Connection, authorisation, no such database, serialisation, resources, lock, intervention, system, internal."""


def parse_url(text: str) -> URL:
    """Return the URL with its driver; raises `SettingsInvalid`, whose text never repeats the URL."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingsInvalid(
            "the metadata URL is not valid: write sqlite:///path or postgresql://user:password@host:port/database, "
            "with special characters of the password percent-encoded",
            param="metadata.url",
        ) from None
    if url.drivername == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite+pysqlite")
    if url.drivername in {"postgresql", "postgres", "postgresql+psycopg"} and url.database:
        return url.set(drivername="postgresql+psycopg")
    raise SettingsInvalid(
        "the metadata URL must be sqlite:///path (a file) or postgresql://host/database", param="metadata.url"
    )


def place(url: URL) -> str:
    """Return where the database is, without user and password, for messages."""
    if url.drivername.startswith("sqlite"):
        return url.database or ""
    return f"{url.host or 'local socket'}{f':{url.port}' if url.port else ''}/{url.database}"


def make_engine(options: MetadataOptions) -> Engine:
    """Return an engine over a pool; creates the SQLite file with mode 0600, else touches nothing."""
    url = parse_url(options.url)
    if url.drivername.startswith("sqlite"):
        _create_private(Path(url.database or ""))
        engine = create_engine(
            url,
            pool_size=options.pool_size + 1,
            max_overflow=0,
            pool_timeout=options.busy_timeout_s,
            hide_parameters=True,
            connect_args={"timeout": options.busy_timeout_s},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_size=options.pool_size * 2,
        max_overflow=0,
        pool_timeout=options.busy_timeout_s,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args={
            "connect_timeout": options.connect_timeout_s,
            "tcp_user_timeout": 20_000,
            "prepare_threshold": None,  # prepared statements break behind a pooler in transaction mode
            "application_name": "pilothouse",
        },
    )
    event.listen(engine, "connect", _PreparePostgres(options))
    return engine


@contextmanager
def translated(where: str) -> Generator[None, None, None]:
    """Turn driver errors into ours, by type and code; `where` is the database's place without its password."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidRequest("a text holds characters that cannot be stored") from error
    except PoolTimeout as error:
        raise MetadataUnavailable(f"all connections to the metadata database {where} are busy") from error
    except DBAPIError as error:
        cause = error.orig
        if isinstance(cause, sqlite3.Error):
            _raise_sqlite(cause, where)
        if isinstance(cause, psycopg.Error):
            _raise_postgres(cause, where)
        raise


def _raise_sqlite(cause: sqlite3.Error, where: str) -> None:
    extended = getattr(cause, "sqlite_errorcode", None)
    if extended is None:  # raised by Python's own module, such as "database is closed"
        return
    code = extended & 0xFF
    if code == sqlite3.SQLITE_FULL:
        raise DiskFull(f"no space left for the metadata database {where}") from cause
    if code == sqlite3.SQLITE_READONLY:
        raise DataFolderUnwritable(f"the metadata database {where} is not writable") from cause
    if extended in _UNIQUE:
        raise Conflict("a thing of that name exists already") from cause
    if code in _UNAVAILABLE:
        raise MetadataUnavailable(f"the metadata database {where} fails: {cause.sqlite_errorname}") from cause


def _raise_postgres(cause: psycopg.Error, where: str) -> None:
    state = cause.sqlstate
    if isinstance(cause, psycopg.DataError) and state is None:  # refused by the driver, such as a NUL in a text
        raise InvalidRequest("a text holds characters that cannot be stored") from cause
    if state == "53100":
        raise DiskFull(f"no space left on the server of the metadata database {where}") from cause
    if state == "23505":
        raise Conflict("a thing of that name exists already") from cause
    if state is None or state[:2] in _SQLSTATE_CLASSES:
        told = f"SQLSTATE {state}" if state else type(cause).__name__
        raise MetadataUnavailable(f"the metadata database {where} does not answer: {told}") from cause


def _create_private(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"no space left for the metadata database {path}") from error
        raise DataFolderUnwritable(f"cannot write the metadata database {path}: {error.strerror}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the module must not begin transactions by itself: _begin_sqlite does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the lock at once: a reader that turns writer half-way fails without waiting when another was first.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(WRITE) else "BEGIN")


class _PreparePostgres:
    def __init__(self, options: MetadataOptions) -> None:
        self._statements = (
            f"SET statement_timeout = {int(options.statement_timeout_s * 1000)}",
            f"SET lock_timeout = {int(options.busy_timeout_s * 1000)}",
        )

    def __call__(self, connection: Any, _record: object) -> None:
        connection.autocommit = True
        for statement in self._statements:
            connection.execute(statement)
        connection.autocommit = False
