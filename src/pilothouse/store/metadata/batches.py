"""Rows of batches, as those see them who ask for them."""

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, RowMapping, func, insert, select, update

from pilothouse.domain.batch import CANCELLABLE, Batch, BatchCounts, BatchFault, BatchStatus, JobState, NativeJob
from pilothouse.store.metadata import tables

_batches = tables.batches
_jobs = tables.batch_jobs


class Batches:
    """The batches, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, batch: Batch) -> None:
        """Add a batch."""
        self._connection.execute(
            insert(_batches).values({**batch_values(batch), "claimed_by": "", "lease_until_ns": 0})
        )

    def get(self, project_id: str, batch_id: str) -> Batch | None:
        """Return one batch of a project."""
        found = select(_batches).where(_batches.c.id == batch_id, _batches.c.project_id == project_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return batch_of(row) if row else None

    def page(self, project_id: str, limit: int, after: str = "") -> list[Batch]:
        """Return batches of a project, newest first, from behind the id `after`."""
        found = select(_batches).where(_batches.c.project_id == project_id)
        if after:
            found = found.where(_batches.c.id < after)
        rows = self._connection.execute(found.order_by(_batches.c.id.desc()).limit(limit)).mappings()
        return [batch_of(row) for row in rows]

    def counts(self, project_id: str) -> dict[BatchStatus, int]:
        """Return how many batches of a project have each status."""
        found = select(_batches.c.status, func.count()).where(_batches.c.project_id == project_id)
        rows = self._connection.execute(found.group_by(_batches.c.status)).all()
        return {BatchStatus(status): count for status, count in rows}

    def cancel(self, project_id: str, batch_id: str, now_ns: int) -> bool:
        """Have a batch cancelled by whoever runs it; False when there is none that can be."""
        asked = update(_batches).where(
            _batches.c.id == batch_id, _batches.c.project_id == project_id, _batches.c.status.in_(CANCELLABLE)
        )
        values = {"status": BatchStatus.CANCELLING, "cancelling_at_ns": now_ns}
        return self._connection.execute(asked.values(values)).rowcount == 1

    def jobs(self, batch_id: str) -> list[NativeJob]:
        """Return the native jobs of a batch, in their order."""
        rows = self._connection.execute(select(_jobs).where(_jobs.c.batch_id == batch_id).order_by(_jobs.c.n)).all()
        return [_job(row) for row in rows]


def batch_values(batch: Batch) -> dict[str, Any]:
    """Return the columns of a batch, without those of its lease."""
    values = msgspec.structs.asdict(batch)
    counts: BatchCounts = values.pop("counts")
    labels = msgspec.json.encode(values.pop("metadata")).decode()
    errors = msgspec.json.encode(values.pop("errors")).decode()
    return {**values, **msgspec.structs.asdict(counts), "labels": labels, "errors": errors}


def batch_of(row: RowMapping) -> Batch:
    """Return the batch of a whole row."""
    values: dict[str, Any] = {name: row[name] for name in Batch.__struct_fields__ if name in row}
    values["status"] = BatchStatus(row["status"])
    values["counts"] = BatchCounts(row["total"], row["completed"], row["failed"])
    values["errors"] = msgspec.json.decode(row["errors"], type=tuple[BatchFault, ...])
    values["metadata"] = msgspec.json.decode(row["labels"], type=dict[str, str])
    return Batch(**values)


def _job(row: Row[Any]) -> NativeJob:
    return NativeJob(
        row.batch_id, row.n, row.account, row.provider, row.model, row.alias, row.dialect, row.lines,
        JobState(row.state), row.upstream_id, row.detail, row.submitted_at_ns,
    )  # fmt: skip
