"""Media taken out of traces, some at a time, so that whoever else wants to write waits for a few of them only."""

from collections.abc import Callable, Sequence

from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.media import Unlinked

_TRACES = 5_000
"""In one condition at most."""


async def unlink(metadata: Metadata, project_id: str, trace_ids: Sequence[str]) -> int:
    """Take the media out of some traces; return how many bodies were removed since nothing else held them."""
    count = 0
    for start in range(0, len(trace_ids), _TRACES):
        piece = trace_ids[start : start + _TRACES]
        count += await _all(metadata, lambda tx, piece=piece: tx.media.unlink(project_id, piece))
    return count


async def unlink_older(metadata: Metadata, project_id: str, before_ns: int) -> int:
    """Take out of traces what stands there since before a time; return how many bodies were removed."""
    return await _all(metadata, lambda tx: tx.media.unlink_older(project_id, before_ns))


async def _all(metadata: Metadata, work: Callable[[Transaction], Unlinked]) -> int:
    found = await metadata.write(work)
    count = found.removed
    while found.more:
        found = await metadata.write(work)
        count += found.removed
    return count
