"""The ledger of telemetry: what became of what was sent, over the metadata database."""

from collections.abc import Sequence

from pilothouse.domain.receipt import MINUTE_NS, Receipt
from pilothouse.store.metadata.database import Metadata


class Ledger:
    """The receipts of all projects. Methods raise what `Metadata` raises."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    async def add(self, receipts: Sequence[Receipt]) -> None:
        """Add the counts to those that are there."""
        await self._metadata.write(lambda tx: tx.receipts.add(receipts))

    async def page(self, project_id: str, from_ns: int, to_ns: int) -> list[Receipt]:
        """Return the counts of a project by minute, newest first; the minute in which the range begins is whole."""
        start_ns = from_ns - from_ns % MINUTE_NS
        return await self._metadata.read(lambda tx: tx.receipts.page(project_id, start_ns, to_ns))

    async def forget(self, before_ns: int) -> None:
        """Remove what is older."""
        await self._metadata.write(lambda tx: tx.receipts.forget(before_ns))
