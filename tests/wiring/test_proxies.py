"""Whose word on a caller's address is taken: that of the named proxies, and nobody else's."""

from typing import Any

import httpx
import pytest

from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.ports import pick


async def _tell_address(scope: dict[str, Any], receive: Any, send: Any) -> None:
    del receive
    body = scope["client"][0].encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@pytest.mark.parametrize(
    ("proxies", "expected"), [((), "127.0.0.1"), (("127.0.0.1",), "203.0.113.9"), (("192.0.2.1",), "127.0.0.1")]
)
async def test_forwarded_addresses_count_only_from_trusted_proxies(proxies: tuple[str, ...], expected: str) -> None:
    port = pick("127.0.0.1")
    options = HttpOptions(host="127.0.0.1", port=port, setting="X", drain_s=1, trusted_proxies=proxies)
    async with HttpServer(_tell_address, options), httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/", headers={"x-forwarded-for": "203.0.113.9"})
        assert answer.text == expected
