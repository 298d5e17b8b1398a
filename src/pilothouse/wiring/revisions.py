"""What ingest carries revisions out with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pilothouse.catalog.prices import Catalog
from pilothouse.compat.langfuse import again as langfuse
from pilothouse.compat.langsmith import again as langsmith
from pilothouse.domain.clock import SystemClock
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.redaction.projects import Redactors
from pilothouse.domain.secret import SecretBox
from pilothouse.ingest.remapping import of_otel
from pilothouse.ingest.removed import Gate
from pilothouse.ingest.revising import Revising
from pilothouse.lifecycle.revisions import RevisionBook
from pilothouse.registry.secrets import load_secret_key
from pilothouse.settings import Settings
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.telemetry.history import History
from pilothouse.wiring.data_folder import Layout
from pilothouse.wiring.prices import PriceFile, price_file
from pilothouse.wiring.telemetry import telemetry_options

READINGS = (of_otel, langfuse.reading, langsmith.reading)
"""Of all ways in."""


@asynccontextmanager
async def revising(
    settings: Settings, layout: Layout, metadata: Metadata, catalog: Catalog, gate: Gate
) -> AsyncGenerator[Revising]:
    """Make it; the gate and the catalog are those of ingest."""
    history = History(telemetry_options(settings, layout))
    path = price_file(settings)
    # somebody may just have changed them: looked at as each revision begins, besides now and then
    prices = None if path is None else PriceFile(path, catalog)
    try:
        yield Revising(
            past=history,
            orders=RevisionBook(metadata),
            catalog=catalog,
            redactor=_Policies(metadata, SecretBox(load_secret_key(layout.secret_key))).of,
            look=(lambda: None) if prices is None else prices.look,
            gate=gate,
            clock=SystemClock(),
            readings=READINGS,
        )
    finally:
        await history.close()


class _Policies:
    """What redacts for a project by its policy of today."""

    def __init__(self, metadata: Metadata, box: SecretBox) -> None:
        self._metadata = metadata
        self._box = box
        self._made = Redactors()

    async def of(self, project_id: str) -> Redactor | None:
        kept = await self._metadata.read(lambda tx: tx.redaction.get(project_id))
        self._made = self._made.renewed([] if kept is None else [kept.stated], self._box)
        return self._made.of(project_id)
