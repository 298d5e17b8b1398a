"""How long somebody who fails to sign in has to wait: doubling, counted by email and by client.

An attempt is counted before the password is looked at and taken back when it was right, so that many attempts sent at
the same moment count one by one.
"""

import hashlib
import math

import msgspec

from pilothouse.errors import LoginThrottled
from pilothouse.store.metadata.database import Transaction
from pilothouse.store.metadata.people import FailureRow

_SECOND_NS = 1_000_000_000
FORGET_NS = 3600 * _SECOND_NS
"""A count that has not grown for so long is forgotten."""


class Limit(msgspec.Struct, frozen=True):
    """How one kind of count turns into a delay."""

    kind: str
    free: int
    """Failures without any delay."""
    longest_s: int

    def delay_s(self, failures: int) -> int:
        """Return how long to wait after so many failures: 1, 2, 4 … seconds."""
        over = failures - self.free
        return 0 if over < 0 else min(self.longest_s, 1 << min(over, 30))


BY_EMAIL = Limit("email", free=5, longest_s=60)
"""Short at most, because anybody can make somebody else's email wait."""
BY_CLIENT = Limit("client", free=10, longest_s=900)


def charge(tx: Transaction, email: str, client: str, now_ns: int) -> None:
    """Count an attempt as failed; raises `LoginThrottled` with the wait when there were too many before."""
    tx.failures.lock()
    tx.failures.purge(now_ns - FORGET_NS)
    counts = [(limit, tx.failures.get(limit.kind, _subject(text))) for limit, text in _pairs(email, client)]
    wait_ns = max((row.blocked_until_ns - now_ns for _, row in counts if row), default=0)
    if wait_ns > 0:
        wait_s = math.ceil(wait_ns / _SECOND_NS)
        raise LoginThrottled(f"too many failed attempts: try again in {wait_s} s", retry_after_s=wait_s)
    for limit, text in _pairs(email, client):
        _count(tx, limit, _subject(text), 1, now_ns)


def refund(tx: Transaction, email: str, client: str, now_ns: int) -> None:
    """Take an attempt back because it was right; a client's earlier failures with other emails still count."""
    tx.failures.lock()
    tx.failures.delete(BY_EMAIL.kind, _subject(email))
    _count(tx, BY_CLIENT, _subject(client), -1, now_ns)


def _count(tx: Transaction, limit: Limit, subject: str, by: int, now_ns: int) -> None:
    before = tx.failures.get(limit.kind, subject)
    failures = max(0, (before.failures if before else 0) + by)
    blocked_until_ns = now_ns + limit.delay_s(failures) * _SECOND_NS if by > 0 else 0
    tx.failures.put(FailureRow(limit.kind, subject, failures, now_ns, blocked_until_ns))


def _pairs(email: str, client: str) -> tuple[tuple[Limit, str], tuple[Limit, str]]:
    return (BY_EMAIL, email), (BY_CLIENT, client)


def _subject(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
