"""Responses where they are kept besides: at the account that served them."""

import logging
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from pilothouse.domain.responses import KeptResponse
from pilothouse.errors import PilothouseError
from pilothouse.gateway.index import Index
from pilothouse.protocols.openai_responses import DIALECT
from pilothouse.providers.base import Outbound
from pilothouse.transport.base import Request, Timeouts, Transport

_TIMEOUTS = Timeouts(connect_s=3, first_byte_s=5, between_bytes_s=5, total_s=8)
_ANSWER_BYTES = 64 * 1024
_GONE = (200, 204, 404)

_log = logging.getLogger(__name__)


class Upstream:
    """Deletes at the provider, as far as that is possible."""

    def __init__(self, index: Callable[[], Index], transport: Transport) -> None:
        self._index = index
        self._transport = transport

    async def forget(self, response: KeptResponse) -> None:
        """Delete the response at its account; a failure is only logged, since ours is gone already."""
        if not response.upstream_id:
            return
        try:
            status = await self._delete(response)
        except PilothouseError as error:
            _log.warning("account %r may still keep response %s: %s", response.account, response.id, error.detail)
            return
        if status not in _GONE:
            _log.warning("account %r may still keep response %s: status %d", response.account, response.id, status)

    async def _delete(self, response: KeptResponse) -> int:
        deployment = self._index().deployments.get(response.account)
        if deployment is None or DIALECT.name not in deployment.provider.dialects:
            return 0
        if deployment.prepared is not None and not deployment.prepared.ready:
            await deployment.prepared.prepare(self._transport.send)
        created = deployment.provider.request(Outbound(DIALECT.name, b"", timeouts=_TIMEOUTS))
        answer = await self._transport.send(_at(created, response.upstream_id))
        try:
            await answer.read(_ANSWER_BYTES)
        finally:
            await answer.close()
        return answer.status


def _at(created: Request, upstream_id: str) -> Request:
    """Return the request to delete what a request like `created` has made."""
    path, mark, query = created.target.partition(b"?")
    target = path + b"/" + quote(upstream_id, safe="").encode() + mark + query
    return msgspec.structs.replace(created, method=b"DELETE", target=target, body=b"")
