"""The file of the operator's own prices: read at the start, and again whenever it changes."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.errors import SettingsInvalid
from pilothouse.loops import Loop
from pilothouse.settings import Settings

_log = logging.getLogger(__name__)


class PriceFile(Loop):
    """Keeps a catalog's overrides equal to the file; a file that became wrong leaves the last good prices in force."""

    def __init__(self, path: Path, catalog: Catalog, look_s: float = 5.0) -> None:
        super().__init__("prices")
        self._path = path
        self._catalog = catalog
        self._look_s = look_s
        self._seen: tuple[int, int] | None = None

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
        self._catalog.overrides_problem = ""

    def look(self) -> None:
        """Read the file again when it has changed."""
        if self._state() == self._seen:
            return
        try:
            self.load()
        except SettingsInvalid as error:
            self._catalog.overrides_problem = error.detail
            _log.error("%s; the prices before it stay in force", error.detail)
        else:
            _log.info("read the operator's prices: %d", len(self._catalog.overrides.rows))

    async def tick(self) -> float:
        """Look at the file; returns the time until the next look."""
        self.look()
        return self._look_s

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def price_file(settings: Settings) -> Path | None:
    """Return where the operator's own prices stand; None without them."""
    return Path(settings.ingest.prices) if settings.ingest.prices else None


@asynccontextmanager
async def priced_by(path: Path | None) -> AsyncGenerator[Catalog]:
    """Give a catalog in which the file's prices come first and are kept in force; without a file, list prices alone.

    Raises `SettingsInvalid` when the file is missing or wrong at the start.
    """
    catalog = Catalog()
    if path is None:
        yield catalog
        return
    file = PriceFile(path, catalog)
    file.load()
    await file.start()
    try:
        yield catalog
    finally:
        await file.stop()
