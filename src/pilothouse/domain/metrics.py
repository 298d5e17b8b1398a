"""Metrics of applications, read back: what there is, and its figures over time.

A counter or histogram says either what was added since its last point (delta), or what there is since it began
(cumulative). What was added is reckoned from the latter here: a series that began anew, or whose count went down,
starts from zero again, and what a series held before the first that is known of it is counted nowhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class MetricKind(StrEnum):
    """How the points of a metric are drawn."""

    COUNTER = "counter"
    """A sum that only rises; shown as what is added a second."""
    SUM = "sum"
    """A sum that rises and falls."""
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    """Of given buckets or exponential ones."""
    SUMMARY = "summary"
    """Quantiles that the application reckoned itself."""


class MetricName(msgspec.Struct, frozen=True):
    """What keeps metrics apart: the same name in another unit is another one."""

    name: str
    kind: MetricKind
    unit: str


class MetricSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of a time range."""

    name: str
    kind: MetricKind
    unit: str
    description: str
    last_at: datetime
    point_count: int
    attributes: list[str]
    """What it can be split and narrowed by, as `attributes.…` and `resource.…`; 100 at most."""
    exemplar_count: int = 0


class MetricList(msgspec.Struct, frozen=True):
    """Metrics by name."""

    items: list[MetricSummary]
    more: bool
    """Whether there are more than are shown."""


class MetricFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which points of a metric count, and how they are split."""

    project_id: str
    from_at: datetime
    to_at: datetime
    metric: MetricName
    group_by: str = ""
    """`attributes.…` or `resource.…`; empty for one group."""
    where: tuple[tuple[str, str], ...] = ()
    """Names, as in `group_by`, and values that points must have."""
    top: int = 10
    """Groups, the largest first."""


class MetricGroup(msgspec.Struct, frozen=True):
    """The figures of one value of the attribute, a number or nothing for each step."""

    group: str
    total: float
    """What was added in all, of gauges and sums the last value; ranks the groups."""
    values: dict[str, list[float | None]]
    """By measure: `rate` and `added` of counters, `value` of sums, `avg`, `min` and `max` of gauges, `p50`, `p95`,
    `p99`, `avg`, `sum`, `count` and `rate` of histograms. Rates are a second."""


class MetricFigures(msgspec.Struct, frozen=True):
    """Figures of one metric over time."""

    first_at: datetime
    """Start of the first step."""
    step_s: int
    groups: list[MetricGroup]
    more: bool
    """Whether there are more groups, or more points than are looked at."""


class MetricExemplar(msgspec.Struct, frozen=True, kw_only=True):
    """One of the measurements behind a metric's figures, and the span that it was made in."""

    group: str
    """As of the figures, when they are split."""
    at: datetime
    value: float
    """In the metric's unit; of a counter what was added."""
    trace_id: str
    """Empty when it was made in no span."""
    span_id: str
    attributes: dict[str, str]
    """Those that the metric itself leaves out."""


class MetricExemplars(msgspec.Struct, frozen=True):
    """Exemplars by time: of each step of the figures the greatest, the least and some between."""

    items: list[MetricExemplar]
    total: int
    """How many there are in the time range."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a series at the end of a step, or of a group over a step."""

    series: int = 0
    """Of cumulative points: alike in all attributes, sender and start."""
    restart: int = 0
    """How often its count went down before."""
    group: str = ""
    step: int
    """Below zero before the time range."""
    started_ns: int = 0
    at_ns: int = 0
    value: float | None = None
    count: int = 0
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    ends: tuple[float, ...] = ()
    """Upper ends of the buckets but the last, rising."""
    counts: tuple[int, ...] = ()
    """One for each end."""


class Tally:
    """What was added in one step of one group."""

    def __init__(self) -> None:
        self.value: float | None = None
        self.count = 0
        self.sum = 0.0
        self.max: float | None = None
        self.buckets: dict[float, int] = {}

    def add(self, reading: Reading, before: Reading | None = None) -> None:
        """Add what a reading holds beyond the one before."""
        if reading.value is not None:
            was = before.value if before is not None and before.value is not None else 0.0
            self.value = (self.value or 0.0) + reading.value - was
        self.count += reading.count - (before.count if before else 0)
        self.sum += (reading.sum or 0.0) - ((before.sum or 0.0) if before else 0.0)
        if before is None and reading.max is not None:
            self.max = reading.max if self.max is None else max(self.max, reading.max)
        for end, count in _added(reading, before):
            self.buckets[end] = self.buckets.get(end, 0) + count

    @property
    def avg(self) -> float | None:
        """The mean of what was measured, None when nothing was."""
        return self.sum / self.count if self.count > 0 else None

    def quantile(self, share: float) -> float | None:
        """Return the value below which a share lies, straight between the ends of its bucket; None without any."""
        return quantile(sorted(self.buckets.items()), self.count, share, self.max)


def tallies(readings: Iterable[Reading], window_ns: int) -> dict[tuple[str, int], Tally]:
    """Return what was added, by group and step; takes cumulative readings in the order of their times.

    `window_ns` is when reading began: a series that began later is known from its first count on.
    """
    found: dict[tuple[str, int], Tally] = {}
    known: dict[int, Reading] = {}
    for reading in readings:
        before = known.get(reading.series)
        known[reading.series] = reading
        if before is None and not window_ns <= reading.started_ns < reading.at_ns:
            continue
        if before is not None and before.restart != reading.restart:
            before = None
        if reading.step >= 0:
            found.setdefault((reading.group, reading.step), Tally()).add(reading, before)
    return found


def levels(readings: Iterable[Reading], steps: int, stale_steps: int) -> dict[str, list[float | None]]:
    """Return the sum of the last values of all series at each step, by group.

    A series counts on for `stale_steps` behind its last reading, for not all say something in every step.
    """
    last: dict[int, dict[int, Reading]] = {}
    for reading in readings:
        last.setdefault(reading.series, {})[reading.step] = reading
    found: dict[str, list[float | None]] = {}
    for by_step in last.values():
        seen: Reading | None = None
        for step in range(min(by_step), steps):
            seen = by_step.get(step) or seen
            if seen is None or seen.value is None or step < 0 or step - seen.step > stale_steps:
                continue
            line = found.setdefault(seen.group, [None] * steps)
            line[step] = (line[step] or 0.0) + seen.value
    return found


def quantile(
    buckets: Sequence[tuple[float, int]], count: int, share: float, highest: float | None = None
) -> float | None:
    """Return the value below which a share of a histogram lies, None when it is empty.

    `buckets` are upper ends, rising, and counts; `count` is that of all, also above the last end, where `highest`, or
    the last end, is all that is known.
    """
    if count <= 0:
        return None
    wanted, below, start = share * count, 0, None
    for end, held in buckets:
        if held > 0 and below + held >= wanted:
            if start is None:
                start = min(0.0, end)
            found = start + (end - start) * max(0.0, wanted - below) / held
            return found if highest is None else min(found, highest)
        below += held
        start = end
    return highest if highest is not None else start


def _added(reading: Reading, before: Reading | None) -> Iterable[tuple[float, int]]:
    """Yield bucket by bucket what was added; buckets that became coarser hold what the finer ones did."""
    now, was = _merged(reading), _merged(before) if before is not None else []
    place, passed = 0, 0
    for end, count in now:
        told = passed
        while place < len(was) and was[place][0] <= end:
            passed += was[place][1]
            place += 1
        yield end, max(0, count - (passed - told))


def _merged(reading: Reading) -> list[tuple[float, int]]:
    """Return buckets of which no two have the same end."""
    found: dict[float, int] = {}
    for end, count in zip(reading.ends, reading.counts, strict=False):
        found[end] = found.get(end, 0) + count
    return list(found.items())
