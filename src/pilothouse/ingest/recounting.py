"""Which calls are counted, told anew where spans mean something else than before."""

from collections.abc import Mapping, Sequence

import msgspec

from pilothouse.domain.holding import Held, Place, Shape
from pilothouse.domain.span import Span
from pilothouse.ingest.counting import wrappers
from pilothouse.ingest.merging import Holdings, newest, node_of
from pilothouse.ingest.recent import SpanKey, TraceKey


class Revised(msgspec.Struct):
    """A row, and what came of it."""

    held: Held
    fresh: Span
    """The very row when nothing changed."""
    is_left: bool
    """Nothing is to be revised here."""

    @property
    def is_changed(self) -> bool:
        """Whether there is something to write."""
        return self.fresh is not self.held.span


class Recount:
    """Marks wrappers among revised rows, and finds the rows beside them whose mark changes with them."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings

    async def recounted(self, revised: Sequence[Revised]) -> list[Held]:
        """Mark the rows, and return others of their traces that are to be written with them."""
        changed = _changed(revised)
        if not changed:
            return []
        all_of = {_key(one.fresh): one for one in revised}
        starts = [node.started_at_ns for nodes in changed.values() for node in nodes.values()]
        shapes = await self._holdings.shapes(changed, (min(starts), max(starts)))
        others: dict[SpanKey, tuple[bool, int]] = {}
        for trace_key, shape in shapes.items():
            shape.update(changed[trace_key])
            found = wrappers(shape)
            for span_id, node in shape.items():
                key, is_wrapper = (*trace_key, span_id), span_id in found
                if node.wrapper == is_wrapper:
                    continue
                if key in all_of:
                    one = all_of[key]
                    one.fresh = msgspec.structs.replace(one.fresh, wrapper=is_wrapper)
                else:
                    others[key] = is_wrapper, node.started_at_ns
        return await self._others(others)

    async def _others(self, marks: Mapping[SpanKey, tuple[bool, int]]) -> list[Held]:
        if not marks:
            return []
        places = [Place(*key, started_ns) for key, (_, started_ns) in marks.items()]
        return [
            Held(msgspec.structs.replace(one.span, wrapper=marks[key][0]), one.version)
            for key, one in newest(await self._holdings.held(places), _key).items()
            if key in marks and not one.span.deleted
        ]


def _changed(revised: Sequence[Revised]) -> dict[TraceKey, Shape]:
    """Return what counts of the rows that are another part of their trace now, by trace."""
    found: dict[TraceKey, Shape] = {}
    for one in revised:
        row, node = one.fresh, node_of(one.fresh)
        if one.is_changed and node != node_of(one.held.span):
            found.setdefault((row.project_id, row.trace_id), {})[row.span_id] = node
    return found


def _key(row: Span) -> SpanKey:
    return row.project_id, row.trace_id, row.span_id
