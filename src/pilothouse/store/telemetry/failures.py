"""The client's exceptions as our errors, told apart by type and ClickHouse's exception code."""

from typing import Literal

from clickhouse_connect.driver.exceptions import DatabaseError, Error, OperationalError

from pilothouse.errors import DiskFull, PlatformError, QueryRefused, StoreUnavailable

Work = Literal["read", "insert", "schema"]

_DISK_FULL = 243
_MEMORY_LIMIT = 241
_TIMEOUT = 159
_CREDENTIALS = frozenset({192, 193, 194, 516})
_NO_SCHEMA = frozenset({60, 81})
_TRANSIENT = frozenset({
    202,  # too many queries at the same time
    209, 210,  # network
    236,  # aborted, as at shutdown
    394,  # cancelled, as at shutdown
    242,  # table is read-only: its keeper is away
    252,  # too many parts: merges are behind
    279, 285, 319,  # replicas
    425, 439,  # no thread
    999,  # keeper
})  # fmt: skip
_FAULTS = frozenset({49, 74, 75, 76, 1000, 1001, 1002})
"""The server failed inside; an insert is worth another try, a query is not."""


def translate(error: Error, work: Work) -> PlatformError:
    """Return our error for one of the client's."""
    code = error.code
    if code is None:
        # No code: nobody answered, or something between us and the store did.
        if isinstance(error, OperationalError) or type(error) is DatabaseError:
            return StoreUnavailable("the telemetry store does not answer")
        return QueryRefused(f"the telemetry client refuses the {work}: {error}")
    if code == _DISK_FULL:
        return DiskFull("no room is left on the disk of the telemetry store")
    if code in _CREDENTIALS:
        return StoreUnavailable(f"the telemetry store refuses the user or password (code {code})")
    if code in _NO_SCHEMA:
        return StoreUnavailable(f"the telemetry store has no tables yet (code {code})")
    if code in _TRANSIENT or (work == "insert" and (code in _FAULTS or code == _MEMORY_LIMIT)):
        return StoreUnavailable(f"the telemetry store cannot do this now (code {code}, {error.name or 'no name'})")
    return QueryRefused(_refusal(code, error.name or ""))


def _refusal(code: int, name: str) -> str:
    if code == _TIMEOUT:
        return "the query took too long; choose a shorter time range or a narrower filter"
    if code == _MEMORY_LIMIT:
        return "the query needs more memory than it may take; choose a shorter time range or a narrower filter"
    return f"the telemetry store refuses the query (code {code}, {name or 'no name'})"
