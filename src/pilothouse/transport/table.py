"""The implementations of the port by name."""

from collections.abc import Mapping
from types import MappingProxyType

TRANSPORTS: Mapping[str, str] = MappingProxyType(
    {
        "pool": "pilothouse.transport.pool:PooledTransport",
        "aiohttp": "pilothouse.transport.aiohttp_client:AiohttpTransport",
    }
)
