"""What the ports that the gateway keeps things through have in common: work over a database that may not be ready."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from pilothouse.errors import MetadataUnavailable
from pilothouse.store.metadata.database import Metadata, Transaction

T = TypeVar("T")


class Kept:
    """Reads and writes of a process that does not bring the database to its form itself."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._metadata.read(work)
        except DBAPIError as error:
            raise self._without_tables(error) from error

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        try:
            return await self._metadata.write(work)
        except DBAPIError as error:
            raise self._without_tables(error) from error

    def _without_tables(self, error: DBAPIError) -> MetadataUnavailable:
        # All other faults of the driver have been told apart before: what is left is a statement that does not fit.
        return MetadataUnavailable(
            f"the metadata database {self._metadata.place} has not the form of this version yet: "
            f"{type(error.orig).__name__}; the platform process brings it there when it starts"
        )
