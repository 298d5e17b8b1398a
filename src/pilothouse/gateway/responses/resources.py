"""Requests for kept responses: fetch, follow, delete, cancel, and list what was sent."""

from collections.abc import Iterator
from typing import Any

import msgspec

from pilothouse.domain.responses import KeptResponse
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.gateway.files.documents import page_document
from pilothouse.gateway.resources import Answer, Asked, Resource
from pilothouse.gateway.responses import documents, history
from pilothouse.gateway.responses.follow import follow
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.responses.upstream import Upstream
from pilothouse.protocols.base import EVENT_STREAM
from pilothouse.protocols.loose import listing, mapping, text

_MOST, _USUAL = 100, 20
_PREFIXES = {
    "message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco",
    "custom_tool_call": "ctc", "custom_tool_call_output": "ctco",
}  # fmt: skip


def rows(keeper: Keeper, upstream: Upstream) -> tuple[Resource, ...]:
    """Return the paths."""
    kept = _Kept(keeper, upstream)
    path = "/v1/responses/{id}"
    return (
        Resource("GET", path, kept.fetch),
        Resource("DELETE", path, kept.delete),
        Resource("POST", f"{path}/cancel", kept.cancel),
        Resource("GET", f"{path}/input_items", kept.input_items),
    )


class _Kept:
    def __init__(self, keeper: Keeper, upstream: Upstream) -> None:
        self._keeper = keeper
        self._upstream = upstream

    async def fetch(self, asked: Asked) -> Answer:
        """Return the response object; with `stream=true` its events, those after `starting_after` if that is given."""
        response = await self._found(asked)
        if asked.query.get("stream", "").lower() != "true":
            return Answer(documents.shown(response))
        after = _number(asked, "starting_after", -1, -1, 2**31)
        return Answer(content_type=EVENT_STREAM, rest=follow(self._keeper, response, after, asked.request_id))

    async def delete(self, asked: Asked) -> Answer:
        """Forget the response, also at the account that keeps it too; a call in the background ends."""
        response = await self._found(asked)
        await self._keeper.store.delete(response.project_id, response.id)
        self._keeper.news.tell()
        self._keeper.wake()
        await self._upstream.forget(response)
        return Answer(msgspec.json.encode({"id": response.id, "object": "response", "deleted": True}))

    async def cancel(self, asked: Asked) -> Answer:
        """End a call in the background; one that has ended stays as it is."""
        response = await self._found(asked)
        if not response.background:
            raise InvalidRequest("Cannot cancel a synchronous response.", param="response_id")
        ended = await self._keeper.store.cancel(response.project_id, response.id, documents.cancelled)
        if ended is None:
            raise _missing(response.id)
        self._keeper.news.tell()
        self._keeper.wake()
        return Answer(ended.document)

    async def input_items(self, asked: Asked) -> Answer:
        """List what the caller sent, newest first unless `order=asc`, `limit` at once, after the item `after`."""
        response = await self._found(asked)
        limit = _number(asked, "limit", _USUAL, 1, _MOST)
        order = asked.query.get("order", "desc")
        if order not in ("asc", "desc"):
            raise InvalidRequest("order must be asc or desc", param="order")
        items = list(_listed(response))
        if order == "desc":
            items.reverse()
        after = asked.query.get("after", "")
        if after:
            place = next((number for number, item in enumerate(items) if item["id"] == after), None)
            if place is None:
                raise InvalidRequest(f"no item '{after}' among the input of this response", param="after")
            items = items[place + 1 :]
        return Answer(page_document(items, limit))

    async def _found(self, asked: Asked) -> KeptResponse:
        response_id = asked.args[0]
        response = await self._keeper.store.get(asked.key.project_id, response_id)
        if response is None:
            raise _missing(response_id)
        return response


def _missing(response_id: str) -> NotFound:
    return NotFound(f"Response with id '{response_id}' not found.")


def _number(asked: Asked, name: str, usual: int, least: int, most: int) -> int:
    told = asked.query.get(name)
    if told is None:
        return usual
    try:
        found = int(told)
    except ValueError:
        found = least - 1
    if not least <= found <= most:
        raise InvalidRequest(f"{name} must be a whole number from {max(least, 0)} to {most}", param=name)
    return found


def _listed(response: KeptResponse) -> Iterator[dict[str, Any]]:
    """Yield the items that were sent, each with an id, and messages in their long form."""
    base = response.id.removeprefix("resp_")
    for number, raw in enumerate(history.items_of(response.input)):
        item = mapping(msgspec.json.decode(raw))
        kind = text(item.get("type")) or "message"
        minted = f"{_PREFIXES.get(kind, 'item')}_{base}_{number}"
        listed = {"id": text(item.get("id")) or minted, "type": kind, **{k: v for k, v in item.items() if k != "id"}}
        if kind == "message":
            said = "output_text" if item.get("role") == "assistant" else "input_text"
            listed["status"] = text(item.get("status")) or "completed"
            content = item.get("content")
            listed["content"] = [{"type": said, "text": content}] if isinstance(content, str) else listing(content)
        yield listed
