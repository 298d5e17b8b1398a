"""Small pieces that the answers of several nouns share."""

from datetime import UTC, datetime

_NS = 1_000_000_000


def at(ns: int) -> datetime:
    """Return the aware UTC time of nanoseconds since the epoch, to the microsecond."""
    seconds, rest = divmod(ns, _NS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)


def at_or_none(ns: int | None) -> datetime | None:
    """Return the time, or None for None."""
    return None if ns is None else at(ns)


def to_ns(moment: datetime) -> int:
    """Return nanoseconds since the epoch of an aware time, exact to the microsecond."""
    whole = moment.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * _NS + whole.microsecond * 1000
