from typing import Any

from litestar import Request

from pilothouse.server.parts import ServerParts


async def still_allowed(request: Request[Any, Any, Any], parts: ServerParts) -> bool:
    return True
