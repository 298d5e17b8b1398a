"""Patches for tests, and a way for them into a real store without spools."""

import random
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.domain.fold import Fold, fold_of, merged
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import Level, Span, SpanEvent, SpanKind, SpanLink, SpanStatus
from pilothouse.domain.usage import Usage
from pilothouse.ingest.delivery import Delivery
from pilothouse.ingest.merging import Merger
from pilothouse.ingest.reading import Arrived
from pilothouse.ingest.recent import OpenSpans, RecentTraces
from pilothouse.store.telemetry.client import Telemetry
from tests.spans import BASE_NS

T = TypeVar("T")
CATALOG = Catalog()
S = 10**9


class Inline:
    """Runs work where it is."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns."""
        return work()


class Writer:
    """Ingest without spools; `restart` forgets all that is in memory, as a crash does."""

    def __init__(self, store: Telemetry) -> None:
        self.store = store
        self.restart()

    def restart(
        self,
        *,
        told: Sequence[tuple[str, str]] = (),
        clock: Clock | None = None,
        open_spans: OpenSpans | None = None,
    ) -> None:
        """Begin with an empty memory that knows of the given traces and open spans only."""
        self.recent, self.open = RecentTraces(10_000, 10_000), OpenSpans(1_000) if open_spans is None else open_spans
        for key in told:
            self.recent.mark(key)
        self.merger = Merger(self.store, CATALOG, self.recent, self.open, clock or SystemClock())
        self.delivery = Delivery(self.store)

    async def bring(self, items: Sequence[SpanPatch | Span], token: str = "") -> int:
        """Bring a batch into the store and return how many spans were written."""
        arrived: dict[tuple[str, str, str], Arrived] = {}
        for item in items:
            one = arrived.setdefault((item.project_id, item.trace_id, item.span_id), Arrived([], []))
            if isinstance(item, Span):
                one.call = item
            else:
                one.patches.append(item)
            # As in the loop, where what comes later of a span may find its row made already.
            await self.merger.prepare([one], Inline())
        try:
            done = await self.merger.merge(arrived, Inline())
            assert done.unfit == []
            if done.pieces:
                assert await self.delivery.deliver(done.pieces, (token or uuid.uuid4().hex) + done.suffix) == []
        except BaseException:
            self.merger.doubt({key[:2] for key in arrived})
            raise
        self.merger.written(done)
        return len(done.pieces)


def fold_all(patches: Sequence[SpanPatch]) -> Fold:
    """Return the fold of patches of one span."""
    found = fold_of(patches[0])
    for patch in patches[1:]:
        found = merged(found, fold_of(patch))
    return found


def whole(project: str, trace: str, span: str, **changes: object) -> SpanPatch:
    """Return a span that is said at once, as OpenTelemetry does."""
    fields = {
        "project_id": project, "trace_id": trace, "span_id": span, "source": "otel", "at_ns": BASE_NS + 3 * S,
        "whole": True, "parent_span_id": "", "name": "step", "started_at_ns": BASE_NS + S,
        "ended_at_ns": BASE_NS + 3 * S, "status": SpanStatus.OK, **changes,
    }  # fmt: skip
    return SpanPatch(**fields)  # type: ignore[arg-type]


class Sayings:
    """Random patches of random spans, the same for the same seed."""

    def __init__(self, project: str, seed: int) -> None:
        self._random = random.Random(seed)
        self._project = project

    def of_trace(self, spans: int, patches: int) -> list[SpanPatch]:
        """Return patches of one trace in random order; every span has at least one."""
        rnd = self._random
        trace_id = f"{rnd.getrandbits(128):032x}"
        ids = [f"{rnd.getrandbits(64):016x}" for _ in range(spans)]
        found = [self._patch(trace_id, span_id, ids) for span_id in ids]
        found += [self._patch(trace_id, rnd.choice(ids), ids) for _ in range(patches)]
        rnd.shuffle(found)
        return found

    def _patch(self, trace_id: str, span_id: str, ids: list[str]) -> SpanPatch:
        rnd = self._random
        at_ns = BASE_NS + rnd.choice([rnd.randint(0, 900 * S), rnd.randint(0, 5) * S, -9 * 86_400 * S])
        said: dict[str, object] = {
            "parent_span_id": rnd.choice(["", *ids]),
            "name": rnd.choice(["a", "b", ""]),
            "kind": rnd.choice(list(SpanKind)),
            "started_at_ns": BASE_NS + rnd.choice([0, 1, 299, 301, 5_000, -8 * 86_400, -40 * 86_400]) * S,
            "ended_at_ns": BASE_NS + rnd.randint(0, 6_000) * S,
            "first_token_at_ns": BASE_NS + rnd.randint(0, 10) * S,
            "status": rnd.choice(list(SpanStatus)),
            "level": rnd.choice(list(Level)),
            "error_detail": rnd.choice(["bad", "", "wörse 🕰️\x00"]),
            "input": rnd.choice(['{"a": [1, 2]}', "text", ""]),
            "output": rnd.choice(["out", "x" * 3000]),
            "streamed": rnd.random() < 0.5,
            "usage": Usage(rnd.randint(0, 9), output_tokens=rnd.randint(0, 9), tier=rnd.choice(["", "flex"])),
            "cost_usd": Decimal(rnd.randint(0, 99)) / 7,
            "model_requested": rnd.choice(["gpt-4o", "odd"]),
            "provider": "openai",
            "user_id": rnd.choice(["ann", "bob"]),
            "version": rnd.choice(["1", "2"]),
            "tags": tuple(rnd.choices(["x", "y", "long tag"], k=2)),
            "metadata": {rnd.choice("abc"): rnd.choice("12")},
            "attributes": {rnd.choice("abc"): rnd.choice("12"), "only": str(at_ns)},
            "resource": {"service.name": rnd.choice(["one", "two"])},
            "events": (SpanEvent(at_ns + rnd.randint(0, 9), rnd.choice("pq"), {"k": "v"}),),
            "links": (SpanLink("f" * 32, rnd.choice(ids)),),
        }
        chosen = rnd.sample(sorted(said), rnd.randint(1, 6))
        return SpanPatch(
            project_id=self._project, trace_id=trace_id, span_id=span_id, at_ns=at_ns,
            source=rnd.choice(["otel", "langfuse"]), key_id=rnd.choice(["k1", "k2"]), whole=rnd.random() < 0.2,
            **{name: said[name] for name in chosen},  # type: ignore[arg-type]
        )  # fmt: skip
