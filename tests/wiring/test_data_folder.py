"""The data folder: what is made, with which rights, and who is kept out."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pilothouse.errors import DataFolderInUse, DataFolderNewer, DataFolderUnwritable
from pilothouse.wiring import data_folder
from pilothouse.wiring.data_folder import Lock, prepare


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    layout = prepare(tmp_path / "deep" / "data")
    assert [mode(path) for path in (layout.root, layout.run, layout.logs, layout.spool)] == [0o700] * 4
    assert mode(layout.secret_key) == 0o600
    assert len(layout.secret_key.read_bytes()) == 32
    assert layout.format_version.read_text() == f"{data_folder.FORMAT}\n"
    assert [path.name for path in layout.run.iterdir()] == []


def test_a_second_start_keeps_the_secret_key(tmp_path: Path) -> None:
    before = prepare(tmp_path / "data").secret_key.read_bytes()
    assert prepare(tmp_path / "data").secret_key.read_bytes() == before


def test_starts_at_the_same_time_agree_on_one_secret_key(tmp_path: Path) -> None:
    code = (
        "import pathlib,sys; from pilothouse.wiring.data_folder import prepare;"
        "sys.stdin.read(1); print(prepare(pathlib.Path(sys.argv[1])).secret_key.read_bytes().hex())"
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    answers = {process.communicate("go")[0] for process in processes}
    assert answers == {f"{(tmp_path / 'data' / 'secret.key').read_bytes().hex()}\n"}


@pytest.mark.parametrize("content", ["2\n", "99", "next"])
def test_a_newer_format_is_refused(content: str, tmp_path: Path) -> None:
    prepare(tmp_path).format_version.write_text(content)
    with pytest.raises(DataFolderNewer, match="install the newer version"):
        prepare(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderUnwritable, match="PILOTHOUSE_DATA"):
        prepare(tmp_path / "file" / "data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_access_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataFolderUnwritable, match="write access"):
        prepare(tmp_path / "data")


def test_a_lock_is_held_by_one_process_which_is_named(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    code = (
        "import pathlib,sys; from pilothouse.wiring.data_folder import Layout, Lock\n"
        "with Lock(Layout(pathlib.Path(sys.argv[1])), 'up'):\n  print('held', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DataFolderInUse, match=f"process {holder.pid}"), Lock(layout, "up"):
            pass
        with Lock(layout, "gateway"):
            pass
        holder.kill()
        holder.wait()
        with Lock(layout, "up", wait_s=5.0):
            pass


def test_a_lock_can_be_taken_again_after_it_is_free(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    for _ in range(2):
        with Lock(layout, "up"):
            pass


def test_low_disk_is_told_only_when_it_is_low(tmp_path: Path) -> None:
    layout = prepare(tmp_path)
    expected = data_folder.free_bytes(layout) < data_folder.LOW_DISK_BYTES
    assert (data_folder.low_disk(layout) is not None) is expected
