"""Rows of media: what they are, their bodies in pieces, and where they stand."""

import re
from collections.abc import Iterator, Sequence, Set

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from pilothouse.domain.media import MEDIA_ID_CHARS, Media, MediaLink
from pilothouse.store.metadata.registry_tables import dataset_items as _items
from pilothouse.store.metadata.registry_tables import media as _media
from pilothouse.store.metadata.registry_tables import media_links as _links
from pilothouse.store.metadata.registry_tables import media_pieces as _pieces

_AT_ONCE = 500
"""Media taken out of traces by one call at most."""
_ROWS = 100
"""Of items in memory at a time."""
_PLACE = tuple(_links.c[name] for name in MediaLink.__struct_fields__)
_ITEM_TEXTS = (_items.c.input, _items.c.expected_output, _items.c.metadata, _items.c.attachments)
"""Where an item may name media."""
_id_like = re.compile(rf"[\w-]{{{MEDIA_ID_CHARS},}}", re.ASCII)


class Unlinked(msgspec.Struct, frozen=True):
    """What came of taking media out of traces."""

    removed: int
    """Bodies that nothing else held."""
    more: bool
    """Whether media may be left; the next call, in a transaction of its own, goes on."""


class MediaRows:
    """The media, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, project_id: str, media_id: str) -> Media | None:
        """Return one of a project, complete or not."""
        found = select(_media).where(_media.c.project_id == project_id, _media.c.id == media_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return Media(**row) if row else None

    def put(self, media: Media) -> None:
        """Add one, or write every field of one that exists."""
        held = _media.c.project_id == media.project_id, _media.c.id == media.id
        values = msgspec.structs.asdict(media)
        if not self._connection.execute(update(_media).where(*held).values(values)).rowcount:
            self._connection.execute(insert(_media).values(values))

    def size_bytes(self, project_id: str) -> int:
        """Return what all complete media of a project hold together."""
        total = select(func.coalesce(func.sum(_media.c.size_bytes), 0))
        return int(
            self._connection.execute(total.where(_media.c.project_id == project_id, _media.c.complete)).scalar_one()
        )

    def write(self, project_id: str, media_id: str, n: int, data: bytes) -> None:
        """Write the piece number `n`, from 0; the first removes what an upload before has left."""
        if n == 0:
            old = delete(_pieces).where(_pieces.c.project_id == project_id, _pieces.c.media_id == media_id)
            self._connection.execute(old)
        self._connection.execute(insert(_pieces).values(project_id=project_id, media_id=media_id, n=n, data=data))

    def piece(self, project_id: str, media_id: str, n: int) -> bytes | None:
        """Return one piece; None past the end."""
        found = select(_pieces.c.data).where(
            _pieces.c.project_id == project_id, _pieces.c.media_id == media_id, _pieces.c.n == n
        )
        data = self._connection.execute(found).scalar_one_or_none()
        return None if data is None else bytes(data)

    def link(self, link: MediaLink, at_ns: int) -> None:
        """Note where one stands, and since when; a link that is there becomes as young as this one."""
        values = msgspec.structs.asdict(link)
        held = [_links.c[name] == value for name, value in values.items()]
        if not self._connection.execute(update(_links).where(*held).values(linked_at_ns=at_ns)).rowcount:
            self._connection.execute(insert(_links).values(**values, linked_at_ns=at_ns))

    def links(self, project_id: str, trace_id: str) -> list[MediaLink]:
        """Return what stands in a trace."""
        found = select(*_PLACE).where(_links.c.project_id == project_id, _links.c.trace_id == trace_id)
        order = (_links.c.span_id, _links.c.field, _links.c.media_id)
        return [MediaLink(**row) for row in self._connection.execute(found.order_by(*order)).mappings()]

    def unlink(self, project_id: str, trace_ids: Sequence[str]) -> Unlinked:
        """Take media out of some thousand traces, and remove the bodies that nothing else holds."""
        return self._unlink(project_id, _links.c.trace_id.in_(trace_ids))

    def older(self, project_id: str, before_ns: int) -> int:
        """Return how many media stand in a trace since before a time."""
        counted = select(func.count(_links.c.media_id.distinct()))
        return self._connection.execute(counted.where(*_older(project_id, before_ns))).scalar_one()

    def unlink_older(self, project_id: str, before_ns: int) -> Unlinked:
        """Take out of traces what stands there since before a time, and remove the bodies that nothing else holds."""
        return self._unlink(project_id, _links.c.linked_at_ns < before_ns)

    def _unlink(self, project_id: str, which: ColumnElement[bool]) -> Unlinked:
        mine = _links.c.project_id == project_id
        found = select(_links.c.media_id).where(mine, which).distinct().limit(_AT_ONCE)
        taken = set(self._connection.execute(found).scalars())
        if not taken:
            return Unlinked(0, more=False)
        these = _links.c.media_id.in_(taken)
        self._connection.execute(delete(_links).where(mine, which, these))
        linked = self._connection.execute(select(_links.c.media_id).where(mine, these).distinct()).scalars()
        return Unlinked(self._drop(project_id, taken.difference(linked)), more=len(taken) == _AT_ONCE)

    def drop_unused(self, project_id: str, ids: Sequence[str]) -> None:
        """Remove some thousand bodies, of those that no trace and no item of a dataset holds."""
        mine = _links.c.project_id == project_id, _links.c.media_id.in_(ids)
        self._drop(
            project_id, set(ids).difference(self._connection.execute(select(_links.c.media_id).where(*mine)).scalars())
        )

    def _drop(self, project_id: str, unlinked: set[str]) -> int:
        """Remove bodies that stand in no trace, apart from those of items, and return how many there were."""
        unused = unlinked - self._named(project_id, unlinked)
        for table, media_id in ((_pieces, _pieces.c.media_id), (_media, _media.c.id)):
            self._connection.execute(delete(table).where(table.c.project_id == project_id, media_id.in_(unused)))
        return len(unused)

    def _named(self, project_id: str, ids: Set[str]) -> set[str]:
        """Return those that any form of a dataset's item names; the items are gone over once, not for each id."""
        if not ids:
            return set()
        found: set[str] = set()
        texts = select(*_ITEM_TEXTS).where(_items.c.project_id == project_id)
        for row in self._connection.execute(texts.execution_options(yield_per=_ROWS)):
            for run in _id_like.finditer("\n".join(row)):
                found.update(one for one in _windows(run[0]) if one in ids)
        return found


def _windows(run: str) -> Iterator[str]:
    return (run[start : start + MEDIA_ID_CHARS] for start in range(len(run) - MEDIA_ID_CHARS + 1))


def _older(project_id: str, before_ns: int) -> tuple[ColumnElement[bool], ...]:
    return _links.c.project_id == project_id, _links.c.linked_at_ns < before_ns
