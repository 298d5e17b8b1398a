"""The events of a kept response, for those who come later or come back."""

from collections.abc import AsyncIterator, Iterator

import msgspec

from pilothouse.domain.responses import ENDED, EventGroup, KeptResponse
from pilothouse.errors import PilothouseError
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.loops import rung
from pilothouse.protocols import sse
from pilothouse.protocols.openai_responses.errors import render_stream_error
from pilothouse.protocols.openai_responses.stream_whole import to_stream

_LOOK_S = 0.5
"""How soon what another process has written is seen."""
_ALIVE_LOOKS = 30
_GROUPS = 32
_KEEP_ALIVE = b": keep-alive\n\n"


class _Numbered(msgspec.Struct):
    sequence_number: int = -1


_NUMBER = msgspec.json.Decoder(_Numbered)


async def follow(keeper: Keeper, response: KeptResponse, after: int, request_id: str) -> AsyncIterator[bytes]:
    """Yield the events above the number `after` as they come, to the end of the response.

    A response that was not asked for as a stream has its events once it has ended. A failure of ours is the last event.
    """
    try:
        live = _live(keeper, response, after) if response.streamed else _replayed(keeper, response, after)
        async for events in live:
            yield events
    except PilothouseError as error:
        yield render_stream_error(error, request_id)


async def _live(keeper: Keeper, response: KeptResponse, after: int) -> AsyncIterator[bytes]:
    project_id, response_id, quiet = response.project_id, response.id, 0
    while True:
        news = keeper.news.next()
        # before the events, so that none of an ended response is missed
        status = await keeper.store.status(project_id, response_id)
        groups = await keeper.store.events(project_id, response_id, after, _GROUPS)
        for group in groups:
            yield _above(group, after)
            after, quiet = group.last, 0
        if groups:
            continue
        if status is None or status in ENDED:
            return
        await rung(news, _LOOK_S)
        quiet += 1
        if quiet % _ALIVE_LOOKS == 0:
            yield _KEEP_ALIVE


async def _replayed(keeper: Keeper, response: KeptResponse, after: int) -> AsyncIterator[bytes]:
    quiet = 0
    found: KeptResponse | None = response
    while found is not None and found.status not in ENDED:
        news = keeper.news.next()
        status = await keeper.store.status(response.project_id, response.id)
        if status is None or status in ENDED:
            found = await keeper.store.get(response.project_id, response.id)
            continue
        await rung(news, _LOOK_S)
        quiet += 1
        if quiet % _ALIVE_LOOKS == 0:
            yield _KEEP_ALIVE
    if found is not None:
        yield b"".join(frame for frame in _frames(found) if _number(frame) > after)


def _frames(response: KeptResponse) -> Iterator[bytes]:
    frames = list(sse.frames(to_stream(response.document)))
    # There is no event that says that a response was cancelled; its stream just ends.
    yield from frames[:-1] if response.status == "cancelled" else frames


def _above(group: EventGroup, after: int) -> bytes:
    if group.first > after:
        return group.events
    return b"".join(frame for frame in sse.frames(group.events) if _number(frame) > after)


def _number(frame: bytes) -> int:
    try:
        return _NUMBER.decode(sse.parse(frame)[1]).sequence_number
    except msgspec.DecodeError:
        return -1
