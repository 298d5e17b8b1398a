"""The clients under test, one after the other; a plug-in of pytest, named by the modules that use it."""

from collections.abc import AsyncIterator

import pytest

from pilothouse.plugins import pick
from pilothouse.transport.base import Transport
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.table import TRANSPORTS
from tests.transport.calling import Make


@pytest.fixture(params=sorted(TRANSPORTS))
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    """Yield a function that makes a client out of options; all are closed when the test ends."""
    made: list[Transport] = []

    def build(**options: object) -> Transport:
        transport = pick("transport", TRANSPORTS, request.param)(TransportOptions(**options))
        made.append(transport)
        return transport

    yield build
    for transport in made:
        await transport.close()
