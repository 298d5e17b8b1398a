"""Log files of a bounded size: one current file and a few numbered predecessors."""

from pathlib import Path
from typing import BinaryIO


class LogFile:
    """Appends lines to `<name>.log`; at `max_bytes` it becomes `<name>.log.1`, and so on up to `keep` old files.

    A full or vanished disk loses lines, never the caller.
    """

    def __init__(self, path: Path, max_bytes: int = 10_000_000, keep: int = 3) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._file: BinaryIO | None = None
        self._size_bytes = 0

    def write(self, line: bytes) -> None:
        """Append one line, its newline included."""
        try:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
                self._size_bytes = self._path.stat().st_size
            self._file.write(line)
            self._size_bytes += len(line)
            if self._size_bytes >= self._max_bytes:
                self._rotate()
        except OSError:
            self.close()

    def close(self) -> None:
        """Close the current file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rotate(self) -> None:
        self.close()
        for number in range(self._keep, 0, -1):
            older = self._path if number == 1 else self._numbered(number - 1)
            if older.exists():
                older.replace(self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
