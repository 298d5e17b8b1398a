"""Exponential histograms as ordinary ones, so that one chart draws both."""

import math

import msgspec

BUCKETS = 1_024
"""More are never computed: the SDKs' limit is 160."""


class Exponential(msgspec.Struct, frozen=True):
    """The buckets of an exponential histogram's data point; see OpenTelemetry's data model."""

    scale: int
    zero_count: int
    zero_threshold: float
    positive_offset: int
    positive: list[int]
    negative_offset: int = 0
    negative: list[int] = []


def buckets(data: Exponential) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the upper ends and the counts of the same buckets, one count more than ends; the last one is empty."""
    ends: list[float] = []
    counts: list[int] = []
    negative = data.negative[:BUCKETS]
    if negative:
        # what lies below the lowest bucket
        ends.append(-_end(data.scale, data.negative_offset + len(negative) - 1))
        counts.append(0)
    for index in reversed(range(len(negative))):
        ends.append(-_end(data.scale, data.negative_offset + index - 1))
        counts.append(negative[index])
    ends.append(max(data.zero_threshold, 0.0))
    counts.append(data.zero_count)
    if data.positive:
        ends.append(_end(data.scale, data.positive_offset - 1))
        counts.append(0)
    for index, count in enumerate(data.positive[:BUCKETS]):
        ends.append(_end(data.scale, data.positive_offset + index))
        counts.append(count)
    return _rising(ends), (*counts, 0)


def _end(scale: int, index: int) -> float:
    """Return the upper end of a bucket: 2 ** ((index + 1) / 2 ** scale)."""
    try:
        return math.pow(2.0, math.ldexp(float(index + 1), -scale))
    except OverflowError:
        return math.inf


def _rising(ends: list[float]) -> tuple[float, ...]:
    """Return the ends so that none is below the one before: rounding at the edges must not turn two around."""
    found: list[float] = []
    for end in ends:
        found.append(max(end, found[-1]) if found else end)
    return tuple(found)
