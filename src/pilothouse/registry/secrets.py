"""The installation's own key, with which provider keys are sealed at rest."""

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path

from pilothouse.domain.secret import KEY_BYTES
from pilothouse.errors import DataFolderUnwritable, DiskFull, SettingsInvalid

NONCE_BYTES = 12


def load_secret_key(path: Path) -> bytes:
    """Return the key in the file, 32 raw bytes; blocks on the disk.

    Raises `SettingsInvalid` when the file is missing, has another size, or can be read by others than its owner.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SettingsInvalid(f"cannot read the secret key {path}: {error.strerror}", param="secret_key") from error
    try:
        state = os.fstat(descriptor)
        key = os.read(descriptor, KEY_BYTES + 1) if stat.S_ISREG(state.st_mode) else b""
    finally:
        os.close(descriptor)
    if stat.S_IMODE(state.st_mode) & 0o077:
        raise SettingsInvalid(
            f"the secret key {path} can be used by others (mode {stat.S_IMODE(state.st_mode):04o}): chmod 600 {path}",
            param="secret_key",
        )
    if len(key) != KEY_BYTES:
        raise SettingsInvalid(
            f"the secret key {path} must be a file of {KEY_BYTES} bytes: restore it from a backup, or remove it to "
            "have a new one made and enter every provider key again",
            param="secret_key",
        )
    return key


def load_or_create_secret_key(path: Path) -> bytes:
    """Return the key in the file, which is made with mode 0600 when it is missing; of several makers one wins."""
    if not path.exists():
        _create(path)
    return load_secret_key(path)


def fresh_nonce() -> bytes:
    """Return what each sealing needs once."""
    return secrets.token_bytes(NONCE_BYTES)


def _create(path: Path) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, secrets.token_bytes(KEY_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)  # unlike a rename it never replaces the key that another process has just made
        sync_folder(path.parent)
    except OSError as error:
        raise _disk_error(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` with mode 0600, whole or not at all, and durable when this returns; blocks on the disk.

    Raises `DiskFull` or `DataFolderUnwritable`.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise _disk_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make a rename inside the folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_error(path: Path, error: OSError) -> DataFolderUnwritable | DiskFull:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return DiskFull(f"no space left to write {path}")
    return DataFolderUnwritable(f"cannot write {path}: {error.strerror}")
