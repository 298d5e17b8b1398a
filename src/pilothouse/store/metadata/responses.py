"""Rows of kept responses and of their events; bodies are compressed."""

import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from pilothouse.domain.responses import BackgroundCall, ClaimedResponse, EventGroup, KeptResponse
from pilothouse.errors import InvalidRequest, PreviousResponseNotFound
from pilothouse.store.metadata import tables

_responses = tables.responses
_events = tables.response_events
_KEPT = (
    "project_id", "id", "key_id", "created_at_ns", "expires_at_ns", "previous_id", "account", "upstream_id", "status",
    "background", "streamed",
)  # fmt: skip
_PACKED = ("input", "document")
_LEVEL = 3
_QUEUED, _RUNNING = "queued", "in_progress"
_UNCLAIMED = {"claimed_by": "", "lease_until_ns": 0}
_ENDED = {**_UNCLAIMED, "call": None}
_LONGEST_CHAIN = 1000
_CALL = msgspec.msgpack.Decoder(BackgroundCall)


class Responses:
    """Kept responses, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, project_id: str, response_id: str) -> KeptResponse | None:
        """Return one response."""
        row = self._connection.execute(select(_responses).where(_is(project_id, response_id))).one_or_none()
        return _response(row) if row else None

    def status(self, project_id: str, response_id: str) -> str | None:
        """Return the status of one response, without its bodies."""
        statement = select(_responses.c.status).where(_is(project_id, response_id))
        return self._connection.execute(statement).scalar_one_or_none()

    def chain(self, project_id: str, response_id: str, most_bytes: int) -> list[KeptResponse]:
        """Return a response and all that it goes on from, oldest first.

        Raises `PreviousResponseNotFound` when one of them is gone, and `InvalidRequest` when they are too many, too
        large, or go round in a circle.
        """
        found: list[KeptResponse] = []
        size, wanted, seen = 0, response_id, set[str]()
        while wanted:
            response = self.get(project_id, wanted)
            if response is None:
                raise PreviousResponseNotFound(_unknown(wanted, response_id), param="previous_response_id")
            size += len(response.input) + len(response.document)
            seen.add(wanted)
            if size > most_bytes or len(found) == _LONGEST_CHAIN or response.previous_id in seen:
                raise InvalidRequest(
                    f"the conversation up to {response_id!r} is too long to be sent on: at most {_LONGEST_CHAIN} "
                    f"responses of {most_bytes} bytes in all, none of them twice",
                    param="previous_response_id",
                )
            found.append(response)
            wanted = response.previous_id
        return found[::-1]

    def put(self, response: KeptResponse, call: BackgroundCall, opening: EventGroup | None) -> None:
        """Write a response that has to be made, with the events it begins with; see `put_all`."""
        self._insert([{**_values(response), **_UNCLAIMED, "tries": 0, "call": _packed(call)}])
        if opening is not None:
            self._add_events(response.project_id, response.id, opening)
        if response.previous_id:
            self._extend(response)

    def put_all(self, responses: Sequence[KeptResponse]) -> None:
        """Write responses in the place of any earlier ones of their ids, and keep as long all that they go on from."""
        self._insert([{**_values(response), **_UNCLAIMED, "tries": 0, "call": None} for response in responses])
        for response in responses:
            if response.previous_id:
                self._extend(response)

    def _insert(self, rows: Sequence[dict[str, Any]]) -> None:
        by_id = {(row["project_id"], row["id"]): row for row in rows}
        self._remove(by_id)
        self._connection.execute(insert(_responses), list(by_id.values()))

    def _remove(self, ids: Collection[tuple[str, str]]) -> int:
        gone = self._connection.execute(delete(_responses).where(_among(ids))).rowcount
        if gone:
            theirs = _among(ids, _events.c.project_id, _events.c.response_id)
            self._connection.execute(delete(_events).where(theirs))
        return gone

    def _extend(self, response: KeptResponse) -> None:
        start = select(_responses.c.id, _responses.c.previous_id)
        walk = start.where(_is(response.project_id, response.previous_id)).cte("walk", recursive=True)
        # a plain union, so that a circle ends
        walk = walk.union(
            start.where(_responses.c.project_id == response.project_id, _responses.c.id == walk.c.previous_id)
        )
        statement = update(_responses).where(
            _responses.c.project_id == response.project_id,
            _responses.c.id.in_(select(walk.c.id)),
            _responses.c.expires_at_ns < response.expires_at_ns,
        )
        self._connection.execute(statement.values(expires_at_ns=response.expires_at_ns))

    def delete(self, project_id: str, response_id: str) -> bool:
        """Remove a response with its events; returns whether there was one."""
        return self._remove([(project_id, response_id)]) > 0

    def purge(self, now_ns: int, most: int) -> int:
        """Remove responses whose time is over and return how many; at most `most` at once."""
        old = select(_responses.c.project_id, _responses.c.id).where(_responses.c.expires_at_ns <= now_ns).limit(most)
        return self._remove([(row.project_id, row.id) for row in self._connection.execute(old).all()])

    def waiting(self, now_ns: int) -> bool:
        """Return whether any call in the background is nobody's."""
        statement = select(exists().where(_responses.c.call.is_not(None), _responses.c.lease_until_ns <= now_ns))
        return bool(self._connection.execute(statement).scalar_one())

    def claim(self, owner: str, now_ns: int, until_ns: int, most: int) -> list[ClaimedResponse]:
        """Take up to `most` calls that are nobody's, oldest first, and return them."""
        statement = (
            select(_responses)
            .where(_responses.c.call.is_not(None), _responses.c.lease_until_ns <= now_ns)
            .order_by(_responses.c.created_at_ns)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        return [self._claim(row, owner, until_ns) for row in self._connection.execute(statement).all()]

    def _claim(self, row: Row[tuple[object, ...]], owner: str, until_ns: int) -> ClaimedResponse:
        response, tries = _response(row), row.tries + 1
        call = _CALL.decode(zlib.decompress(row.call))
        later = _packed(msgspec.structs.replace(call, call_id=""))
        values = {"claimed_by": owner, "lease_until_ns": until_ns, "tries": tries, "status": _RUNNING, "call": later}
        self._connection.execute(update(_responses).where(_is(response.project_id, response.id)).values(values))
        last = self._connection.execute(
            select(func.max(_events.c.last)).where(_is_event(response.project_id, response.id))
        ).scalar_one()
        running = msgspec.structs.replace(response, status=_RUNNING)
        return ClaimedResponse(running, call, tries, -1 if last is None else last)

    def renew(self, owner: str, ids: Collection[tuple[str, str]], until_ns: int) -> set[tuple[str, str]]:
        """Keep the claim on these, by project and id, and return those that are still the owner's."""
        mine = and_(_among(ids), _held(owner))
        self._connection.execute(update(_responses).where(mine).values(lease_until_ns=until_ns))
        found = self._connection.execute(select(_responses.c.project_id, _responses.c.id).where(mine)).all()
        return {(row.project_id, row.id) for row in found}

    def release(self, owner: str, ids: Collection[tuple[str, str]]) -> None:
        """Give claimed calls back as if they had never been taken."""
        mine = and_(_among(ids), _held(owner))
        values = {**_UNCLAIMED, "status": _QUEUED, "tries": _responses.c.tries - 1}
        self._connection.execute(update(_responses).where(mine).values(values))

    def end(self, response: KeptResponse, owner: str) -> bool:
        """Write how a call in the background ended; False when it is no longer the owner's."""
        mine = and_(_is(response.project_id, response.id), _held(owner))
        changed = self._connection.execute(update(_responses).where(mine).values({**_values(response), **_ENDED}))
        return changed.rowcount > 0

    def cancel(self, project_id: str, response_id: str, document: Callable[[bytes], bytes]) -> KeptResponse | None:
        """End a call in the background that has not ended, and return the response as it is now.

        `document` makes the cancelled response object out of the one there is.
        """
        lock = select(_responses).where(_is(project_id, response_id)).with_for_update()
        row = self._connection.execute(lock).one_or_none()
        if row is None:
            return None
        response = _response(row)
        if row.call is None:
            return response
        ended = msgspec.structs.replace(response, status="cancelled", document=document(response.document))
        self._connection.execute(
            update(_responses).where(_is(project_id, response_id)).values({**_values(ended), **_ENDED})
        )
        return ended

    def add_events(self, project_id: str, response_id: str, group: EventGroup, owner: str) -> bool:
        """Add events of a call in the background, in the place of those of the same first number.

        Returns False, and adds nothing, when the call is no longer the owner's.
        """
        mine = select(_responses.c.id).where(_is(project_id, response_id), _responses.c.claimed_by == owner)
        if self._connection.execute(mine.with_for_update()).one_or_none() is None:
            return False
        self._add_events(project_id, response_id, group)
        return True

    def _add_events(self, project_id: str, response_id: str, group: EventGroup) -> None:
        place = and_(_is_event(project_id, response_id), _events.c.first == group.first)
        self._connection.execute(delete(_events).where(place))
        values = {"project_id": project_id, "response_id": response_id, "first": group.first, "last": group.last}
        packed = zlib.compress(group.events, _LEVEL)
        self._connection.execute(insert(_events).values({**values, "events": packed}))

    def events(self, project_id: str, response_id: str, after: int, most: int) -> list[EventGroup]:
        """Return the groups that hold events above the number `after`, in their order."""
        statement = (
            select(_events)
            .where(_is_event(project_id, response_id), _events.c.last > after)
            .order_by(_events.c.first)
            .limit(most)
        )
        rows = self._connection.execute(statement).all()
        return [EventGroup(row.first, row.last, zlib.decompress(row.events)) for row in rows]

    def drop_events(self, project_id: str, response_id: str, after: int = -1) -> None:
        """Remove the groups that begin above the number `after`."""
        self._connection.execute(delete(_events).where(_is_event(project_id, response_id), _events.c.first > after))


def _is(project_id: str, response_id: str | ColumnElement[str]) -> ColumnElement[bool]:
    return and_(_responses.c.project_id == project_id, _responses.c.id == response_id)


def _is_event(project_id: str, response_id: str) -> ColumnElement[bool]:
    return and_(_events.c.project_id == project_id, _events.c.response_id == response_id)


def _among(
    ids: Iterable[tuple[str, str]],
    project: ColumnElement[str] = _responses.c.project_id,
    response: ColumnElement[str] = _responses.c.id,
) -> ColumnElement[bool]:
    # Project by project: for a list of pairs SQLite reads the whole table.
    by_project: dict[str, list[str]] = {}
    for project_id, response_id in ids:
        by_project.setdefault(project_id, []).append(response_id)
    return or_(false(), *(and_(project == key, response.in_(some)) for key, some in by_project.items()))


def _held(owner: str) -> ColumnElement[bool]:
    return and_(_responses.c.claimed_by == owner, _responses.c.call.is_not(None))


def _packed(call: BackgroundCall) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(call), _LEVEL)


def _values(response: KeptResponse) -> dict[str, Any]:
    plain = {name: getattr(response, name) for name in _KEPT}
    packed = {name: zlib.compress(getattr(response, name), _LEVEL) for name in _PACKED}
    return {**plain, **packed}


def _response(row: Row[tuple[object, ...]]) -> KeptResponse:
    found: dict[str, Any] = {name: getattr(row, name) for name in _KEPT}
    found.update({name: zlib.decompress(getattr(row, name)) for name in _PACKED})
    return KeptResponse(**found)


def _unknown(missing: str, asked: str) -> str:
    if missing == asked:
        return f"Previous response with id '{asked}' not found."
    return f"Previous response with id '{asked}' cannot be continued: it goes on from '{missing}', which is not found."
