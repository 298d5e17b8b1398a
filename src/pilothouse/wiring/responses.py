"""What keeps responses in the gateway process; without its database calls are served all the same."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pilothouse.domain.clock import Clock
from pilothouse.errors import PilothouseError
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.responses.background import Background
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.responses.purge import Purge
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.kept_responses import KeptResponses

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_metadata(metadata: Metadata) -> AsyncGenerator[None]:
    """Open the database as it is: its form is the platform's business."""
    try:
        await metadata.connect()
    except PilothouseError as error:
        _log.error("nothing is kept for callers until this is mended and the gateway restarted: %s", error.detail)
    try:
        yield
    finally:
        await metadata.close()


def make_keeper(metadata: Metadata, options: GatewayOptions, clock: Clock) -> Keeper:
    """Return the keeper of responses in a database."""
    return Keeper(KeptResponses(metadata), options, clock)


@asynccontextmanager
async def keeping(keeper: Keeper, deferred: Deferred) -> AsyncGenerator[None]:
    """Make the calls of responses in the background, and forget what is over."""
    loops = (Background(keeper, deferred), Purge(keeper))
    for loop in loops:
        await loop.start()
    try:
        yield
    finally:
        for loop in loops:
            await loop.stop(1.0)
