"""How the tests of the upstream client call it."""

from collections.abc import Callable

import pytest

from pilothouse.errors import PilothouseError
from pilothouse.transport.base import Request, Response, Transport
from tests.transport.upstream import Script, Upstream, until

Make = Callable[..., Transport]


async def fetch(transport: Transport, request: Request, limit: int = 1 << 20) -> tuple[Response, bytes]:
    """Send and read to the end."""
    response = await transport.send(request)
    try:
        return response, await response.read(limit)
    finally:
        await response.close()


async def fail(make: Make, script: Script, expected: type[PilothouseError], **timeouts: float) -> PilothouseError:
    """Check that a call to such a server fails as expected, closes its connection and keeps the query to itself."""
    async with Upstream(script) as upstream:
        with pytest.raises(expected) as caught:
            await fetch(make(), upstream.request(target=b"/v1/chat?key=sk-secret", **timeouts))
        assert "sk-secret" not in str(caught.value)
        await until(lambda: upstream.closed == upstream.connections)
    return caught.value
