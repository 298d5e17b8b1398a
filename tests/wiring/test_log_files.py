"""Log files stay within their bound."""

from pathlib import Path

from pilothouse.wiring.log_files import LogFile


def test_a_full_file_is_rotated_and_the_oldest_dropped(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    log = LogFile(path, max_bytes=10, keep=2)
    for number in range(10):
        log.write(b"line %d....\n" % number)
    log.close()
    assert sorted(found.name for found in tmp_path.iterdir()) == ["gateway.log.1", "gateway.log.2"]
    assert (tmp_path / "gateway.log.1").read_bytes() == b"line 9....\n"


def test_a_new_start_appends(tmp_path: Path) -> None:
    path = tmp_path / "gateway.log"
    for text in (b"one\n", b"two\n"):
        log = LogFile(path)
        log.write(text)
        log.close()
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_folder_that_vanished_loses_lines_and_raises_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = LogFile(folder / "gateway.log")
    log.write(b"lost\n")
    folder.mkdir()
    log.write(b"kept\n")
    log.close()
    assert (folder / "gateway.log").read_bytes() == b"kept\n"
