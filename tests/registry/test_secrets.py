"""The secret key's file and private files."""

import stat
import threading
from pathlib import Path

import pytest

from pilothouse.errors import DataFolderUnwritable, SettingsInvalid
from pilothouse.registry.secrets import load_or_create_secret_key, load_secret_key, write_private


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = load_or_create_secret_key(path)
    assert len(key) == 32
    assert load_or_create_secret_key(path) == load_secret_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_makers_all_get_the_same_key(tmp_path: Path) -> None:
    path, found, gate = tmp_path / "secret.key", [], threading.Barrier(8)

    def make() -> None:
        gate.wait()
        found.append(load_or_create_secret_key(path))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o611])
def test_a_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret.key"
    load_or_create_secret_key(path)
    path.chmod(mode)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        load_or_create_secret_key(path)


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_key_of_another_size_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(SettingsInvalid, match="32 bytes"):
        load_secret_key(path)


def test_a_missing_key_or_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot read"):
        load_secret_key(tmp_path / "secret.key")
    with pytest.raises(DataFolderUnwritable):
        load_or_create_secret_key(tmp_path / "nowhere" / "secret.key")
    with pytest.raises(DataFolderUnwritable):
        write_private(tmp_path / "nowhere" / "file", b"")
    (tmp_path / "secret.key").mkdir(mode=0o700)
    with pytest.raises(SettingsInvalid):
        load_secret_key(tmp_path / "secret.key")


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_replacement_keeps_the_old_and_leaves_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(DataFolderUnwritable):
        write_private(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
