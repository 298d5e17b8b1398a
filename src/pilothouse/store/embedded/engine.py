"""The embedded engine: one owner process, one handle for each statement. The only module that imports chDB.

A handle is a session with its own settings and current database; opening one on an open engine costs about 0.2 ms, so
each statement gets a fresh one and nothing leaks from one request into the next.
"""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import chdb
import msgspec

from pilothouse.errors import DataFolderInUse, DataFolderUnwritable, StoreUnavailable
from pilothouse.store.embedded.options import EmbeddedOptions
from pilothouse.store.embedded.statements import Insert, Statement

NOT_ENOUGH_SPACE = 243

_UNKNOWN = 1002
_WRITE_FAULTS = frozenset({75, 76, 114, 1001, 1002})
"""What the engine answers when a write to a file fails, whatever the reason."""
_DISK_RESERVE_BYTES = 32 * 1024**2
_CODE = re.compile(r"Code: (\d+)\.")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
_FATAL = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


class EngineError(Exception):
    """The engine refused a statement; `code` is ClickHouse's exception code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Outcome(msgspec.Struct, frozen=True):
    """What a statement gave."""

    body: bytes
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_s: float = 0.0


class _Result(Protocol):
    def bytes(self) -> bytes: ...
    def rows_read(self) -> int: ...
    def bytes_read(self) -> int: ...
    def elapsed(self) -> float: ...


class _Handle(Protocol):
    def query(self, query: str | bytes, format: str = ..., params: dict[str, str] | None = ...) -> _Result: ...  # noqa: A002
    def close(self) -> None: ...


_connect = cast("Callable[[str], _Handle]", chdb.connect)


class Engine:
    """The open engine on one data folder; every method may be called from any thread.

    `open` raises `DataFolderInUse`, `DataFolderUnwritable` or `StoreUnavailable`. `run` raises `EngineError`.
    """

    def __init__(self, options: EmbeddedOptions) -> None:
        self._path = options.path
        self._address = "&".join((
            f"{options.path}?max_server_memory_usage={options.max_server_memory_bytes}",
            f"background_pool_size={options.background_threads}",
            # More than threads would take turns, and memory; but a large merge leaves a place for small ones.
            f"background_merges_mutations_concurrency_ratio={1 if options.background_threads > 1 else 2}",
        ))  # fmt: skip
        self._lock = -1
        self._root: _Handle | None = None

    def open(self) -> None:
        """Take the folder and open the engine; from the main thread, for the signal handlers."""
        self._lock = _take(self._path)
        try:
            self._root = _connect(self._address)
        except RuntimeError as error:
            os.close(self._lock)
            raise StoreUnavailable(f"the telemetry engine cannot open {self._path}: {error}") from error
        # The engine's own handlers make a crashed process hang for five minutes instead of dying.
        for fatal in _FATAL:
            signal.signal(fatal, signal.SIG_DFL)

    def close(self) -> None:
        """Close the engine and give the folder back; no statement may be running."""
        if self._root is not None:
            self._root.close()
            self._root = None
            os.close(self._lock)

    def run(self, statement: Statement) -> Outcome:
        """Run one statement to its end."""
        try:
            return self._run(statement)
        except RuntimeError as error:
            raise self._error(error) from error

    def kill_reads(self) -> None:
        """End the queries that run now; they fail as cancelled."""
        sql = b"KILL QUERY WHERE query_kind = 'Select' AND query_id != queryID() ASYNC"
        with contextlib.suppress(EngineError):
            self.run(Statement("control", sql, "TabSeparated"))

    def _run(self, statement: Statement) -> Outcome:
        handle = _connect(self._address)
        try:
            if statement.database:
                handle.query(f"USE `{_escape(statement.database)}`")
            if statement.settings:
                handle.query(_set(statement.settings))
            if statement.insert is not None:
                return self._insert(handle, statement.insert)
            result = handle.query(_text(statement.sql), statement.format, params=statement.parameters)
            body = result.bytes() or b""
            return Outcome(body, result.rows_read(), result.bytes_read(), elapsed_s=result.elapsed())
        finally:
            handle.close()

    def _insert(self, handle: _Handle, insert: Insert) -> Outcome:
        """Insert out of a file in memory.

        The library's own `send_insert` reports success for an insert that failed behind the parser: disk full, too many
        parts, a view or a constraint that throws. A statement that reads a file reports every failure.
        """
        with _memory_file(self._path) as file:
            file.write(insert.data)
            file.seek(0)
            source = f" FROM INFILE '/dev/fd/{file.fileno()}' ".encode()
            sql = b"".join((insert.head, source, insert.settings, b" FORMAT ", insert.format.encode()))
            result = handle.query(_text(sql), "TabSeparated")
        # It reads exactly what it writes.
        rows, size_bytes = result.rows_read(), result.bytes_read()
        return Outcome(b"", rows, size_bytes, rows, size_bytes, result.elapsed())

    def _error(self, error: RuntimeError) -> EngineError:
        # The embedded engine has no field for its code; the text begins with it in every version.
        text = str(error)
        found = _CODE.search(text)
        code = int(found.group(1)) if found else _UNKNOWN
        if code in _WRITE_FAULTS and shutil.disk_usage(self._path).free < _DISK_RESERVE_BYTES:
            return EngineError(NOT_ENOUGH_SPACE, f"No space left in {self._path}. {text}")
        return EngineError(code, text[found.start() :] if found else text)


def _memory_file(fallback: Path) -> BinaryIO:
    if sys.platform == "linux":
        return cast("BinaryIO", os.fdopen(os.memfd_create("insert"), "w+b", buffering=0))
    return cast("BinaryIO", tempfile.TemporaryFile(dir=fallback, buffering=0))


def _set(settings: dict[str, str]) -> str:
    for name in settings:
        if not _NAME.match(name):
            raise EngineError(115, f"Code: 115. DB::Exception: Unknown setting {name!r}. (UNKNOWN_SETTING)")
    # `readonly` comes last: it forbids what follows it.
    ordered = sorted(settings.items(), key=lambda item: item[0] == "readonly")
    return "SET " + ", ".join(f"{name} = '{_escape(value)}'" for name, value in ordered)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'").replace("`", "\\`")


def _text(sql: bytes) -> str | bytes:
    try:
        return sql.decode()
    except UnicodeDecodeError:
        return sql


def _take(path: Path) -> int:
    """Lock the folder for this process and return the open lock file."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
        lock = os.open(path / "pilothouse.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataFolderUnwritable(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _probe_foreign(path / "status")
    except OSError as error:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        os.close(lock)
        if error.errno not in {errno.EAGAIN, errno.EACCES}:
            raise DataFolderUnwritable(f"{path} cannot be locked: {error.strerror}") from error
        owner = f"the process {holder}" if holder else "another process"
        raise DataFolderInUse(f"{owner} uses the telemetry store in {path}; stop it first") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _probe_foreign(status: Path) -> None:
    """Raise `BlockingIOError` when a process that knows nothing of our lock has the engine open on the folder."""
    with contextlib.suppress(FileNotFoundError), status.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
