"""Lists of single spans: pages hold the last row of each, once, however often it was written and moved."""

import random
import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from pilothouse.domain.reading import SpanFilter
from pilothouse.domain.span import Span, SpanStatus
from pilothouse.store.telemetry.client import Telemetry
from tests.spans import BASE_NS, make_span, new_project

FIVE_NS = 300 * 10**9
# The windows in which they are looked for end an hour, a day and two weeks ago.
AGES_NS = (60 * 10**9, 3 * 3600 * 10**9, 3 * 86_400 * 10**9, 30 * 86_400 * 10**9)


class History:
    """Spans of all ages that are written again, with other statuses and starts."""

    def __init__(self, seed: int, telemetry: Telemetry) -> None:
        self.rnd = random.Random(seed)
        self.project = new_project()
        self._telemetry = telemetry
        self.spans: dict[tuple[str, str], Span] = {}

    async def come(self, count: int) -> None:
        fresh = [self._span(f"{self.rnd.randrange(20):032x}", f"{self.rnd.getrandbits(64):016x}") for _ in range(count)]
        self.spans |= {(one.trace_id, one.span_id): one for one in fresh}
        await self._telemetry.insert(fresh, uuid.uuid4().hex)

    async def change(self) -> None:
        rows: list[Span] = []
        for key, before in self.rnd.sample(sorted(self.spans.items(), key=lambda one: one[0]), 15):
            after = self._span(*key)
            if self.rnd.random() < 0.7:
                in_five_ns = before.started_at_ns // FIVE_NS * FIVE_NS + self.rnd.randrange(FIVE_NS)
                after = msgspec.structs.replace(after, started_at_ns=in_five_ns)
            if after.started_at_ns // FIVE_NS != before.started_at_ns // FIVE_NS:
                rows.append(msgspec.structs.replace(before, deleted=True))
            rows.append(after)
            self.spans[key] = after
        await self._telemetry.insert(rows, uuid.uuid4().hex)

    def _span(self, trace_id: str, span_id: str) -> Span:
        started_at_ns = BASE_NS - self.rnd.choice(AGES_NS) + self.rnd.randrange(30) * 10**9
        return make_span(
            self.project, trace_id=trace_id, span_id=span_id, started_at_ns=started_at_ns,
            status=self.rnd.choice([SpanStatus.OK, SpanStatus.OK, SpanStatus.ERROR]), name=self.rnd.choice("abc"),
        )  # fmt: skip

    async def pages(self, wanted: SpanFilter) -> list[str]:
        """Return the ids of the spans of all pages."""
        found: list[str] = []
        while True:
            page = await self._telemetry.spans(wanted)
            found += [one.span_id for one in page.items]
            if page.next_cursor is None:
                return found
            wanted = msgspec.structs.replace(wanted, cursor=page.next_cursor)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_pages_hold_each_wanted_span_once(telemetry: Telemetry, seed: int) -> None:
    history = History(seed, telemetry)
    await history.come(60)
    for _ in range(3):
        await history.change()
        await history.come(10)
        for statuses, names, limit in ((("error",), (), 4), ((), ("a",), 7), ((), (), 50), (("cancelled",), (), 5)):
            wanted = SpanFilter(
                project_id=history.project, statuses=tuple(map(SpanStatus, statuses)), names=names, limit=limit,
                from_at=datetime.fromtimestamp(BASE_NS / 1e9 - 40 * 86_400, UTC),
                to_at=datetime.fromtimestamp(BASE_NS / 1e9 + 600, UTC),
            )  # fmt: skip
            told = [
                one for one in history.spans.values()
                if (not statuses or one.status in statuses) and (not names or one.name in names)
            ]  # fmt: skip
            told.sort(key=lambda one: (one.started_at_ns, one.trace_id, one.span_id), reverse=True)
            assert await history.pages(wanted) == [one.span_id for one in told]
