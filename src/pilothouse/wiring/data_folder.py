"""The data folder: where everything of one installation lies, and the locks that keep two of them apart."""

import errno
import fcntl
import os
import secrets
import shutil
import threading
import time
from pathlib import Path
from types import TracebackType

import msgspec

from pilothouse.domain.secret import KEY_BYTES
from pilothouse.errors import DataFolderInUse, DataFolderNewer, DataFolderUnwritable, DiskFull

FORMAT = 1
"""Grows when a version writes what an older version cannot read."""
LOW_DISK_BYTES = 1 << 30
_POLL_S = 0.05


class Layout(msgspec.Struct, frozen=True):
    """The places inside a data folder."""

    root: Path

    @property
    def metadata(self) -> Path:
        """The SQLite file of projects, keys, accounts and people."""
        return self.root / "pilothouse.db"

    @property
    def telemetry(self) -> Path:
        """The embedded store's own folder."""
        return self.root / "telemetry"

    @property
    def spool(self) -> Path:
        """One folder a writer, each with a `spool.db`."""
        return self.root / "spool"

    @property
    def snapshot(self) -> Path:
        """The gateway's last good copy of keys and routes."""
        return self.root / "snapshot.msgpack"

    @property
    def secret_key(self) -> Path:
        """The key that provider secrets are sealed with; a backup without it cannot open them."""
        return self.root / "secret.key"

    @property
    def format_version(self) -> Path:
        """The format of this folder, one number."""
        return self.root / "format-version"

    @property
    def run(self) -> Path:
        """What only running processes need: locks, addresses, the local token."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One log file a process, with its rotated predecessors."""
        return self.root / "logs"

    @property
    def local_token(self) -> Path:
        """The secret with which the CLI on this machine is let in."""
        return self.run / "local.token"

    @property
    def welcome(self) -> Path:
        """What the platform has to tell the operator once; removed when shown."""
        return self.run / "welcome.json"

    def address(self, role: str) -> Path:
        """Return the file that holds the loopback address and secret of an inner process."""
        return self.run / f"{role}.json"

    def spool_file(self, writer: str) -> Path:
        """Return the spool file of one writer."""
        return self.spool / writer / "spool.db"


def prepare(root: Path) -> Layout:
    """Create what is missing of the data folder and return its layout; blocks on the disk.

    New folders get mode 0700, new files 0600. Raises `DataFolderUnwritable`, `DataFolderNewer` or `DiskFull`.
    """
    layout = Layout(root.expanduser().absolute())
    try:
        for folder in (layout.root, layout.run, layout.logs, layout.spool):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_format(layout)
        if not layout.secret_key.exists():
            _create_once(layout.secret_key, secrets.token_bytes(KEY_BYTES))
        probe = layout.run / f".writable-{os.getpid()}"
        write_private(probe, b"")
        probe.unlink()
    except OSError as error:
        raise _disk_error(layout.root, error) from error
    return layout


def free_bytes(layout: Layout) -> int:
    """Return the free space of the data folder's disk."""
    return shutil.disk_usage(layout.root).free


def low_disk(layout: Layout) -> str | None:
    """Return a warning when less than 1 GiB is free, else None."""
    free = free_bytes(layout)
    if free >= LOW_DISK_BYTES:
        return None
    return f"only {free / (1 << 20):.0f} MiB free on the disk of {layout.root}; traces stop being kept when it is full"


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` with mode 0600, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    partial.replace(path)


def _create_once(path: Path, content: bytes) -> None:
    """Put `content` at `path` unless something is there: of several processes that start at once, one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    write_private(draft, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


class Lock:
    """The right to be the only process of its name on a data folder; the system frees it when the process ends."""

    def __init__(self, layout: Layout, name: str, wait_s: float = 0.0) -> None:
        self._path = layout.run / f"{name}.lock"
        self._root = layout.root
        self._wait_s = wait_s
        self._descriptor = -1

    def __enter__(self) -> "Lock":
        """Take the lock, waiting at most `wait_s`; raises `DataFolderInUse` that names the holder's process id."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self._wait_s
        while not self._try():
            if time.monotonic() >= deadline:
                raise self._refused()
            threading.Event().wait(_POLL_S)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Free the lock."""
        os.close(self._descriptor)
        self._descriptor = -1

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _refused(self) -> DataFolderInUse:
        holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(self._descriptor)
        self._descriptor = -1
        return DataFolderInUse(
            f"another Pilothouse (process {holder}) runs on {self._root}; "
            "stop it, or choose another folder with PILOTHOUSE_DATA"
        )


def _check_format(layout: Layout) -> None:
    path = layout.format_version
    if not path.exists():
        write_private(path, f"{FORMAT}\n".encode())
        return
    text = path.read_text(errors="replace").strip()
    if not text.isdigit() or int(text) > FORMAT:
        raise DataFolderNewer(
            f"{layout.root} has format {text!r}, this version of Pilothouse writes format {FORMAT}; "
            "install the newer version again, or choose another folder with PILOTHOUSE_DATA"
        )


def _disk_error(root: Path, error: OSError) -> DataFolderUnwritable | DiskFull:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(
            f"no space left on the disk of {root}; free some, or choose another folder with PILOTHOUSE_DATA"
        )
    return DataFolderUnwritable(
        f"cannot write {error.filename or root}: {error.strerror}; "
        "give this user write access, or choose another folder with PILOTHOUSE_DATA"
    )
