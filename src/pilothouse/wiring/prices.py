"""The file of the operator's own prices: read at the start, and again whenever it changes."""

import logging
from pathlib import Path

from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.errors import SettingsInvalid
from pilothouse.loops import Loop

_log = logging.getLogger(__name__)


class PriceFile(Loop):
    """Keeps a catalog's overrides equal to the file; a file that became wrong leaves the last good prices in force."""

    def __init__(self, path: Path, catalog: Catalog, look_s: float = 5.0) -> None:
        super().__init__("prices")
        self._path = path
        self._catalog = catalog
        self._look_s = look_s
        self._seen: tuple[int, int] | None = None
        self.problem: str | None = None
        """Why the newest state of the file is not in force."""

    def load(self) -> None:
        """Read the file; raises `SettingsInvalid` when it is missing or wrong."""
        self._seen = self._state()
        try:
            text = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsInvalid(
                f"the file of prices {self._path} cannot be read: {error}", param="ingest.prices"
            ) from error
        self._catalog.overrides = parse(text)
        self.problem = None

    async def tick(self) -> float:
        """Read the file again when it has changed."""
        if self._state() != self._seen:
            try:
                self.load()
            except SettingsInvalid as error:
                self.problem = error.detail
                _log.error("%s; the prices before it stay in force", error.detail)
            else:
                _log.info("read the operator's prices: %d", len(self._catalog.overrides.rows))
        return self._look_s

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def overrides_of(path: Path | None, catalog: Catalog) -> PriceFile | None:
    """Return the loop that keeps the file's prices in force, already read; None when no file is set."""
    if path is None:
        return None
    file = PriceFile(path, catalog)
    file.load()
    return file
