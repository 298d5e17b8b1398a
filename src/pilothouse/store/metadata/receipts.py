"""Rows of receipts: what became of telemetry, by minute."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, case, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from pilothouse.domain.receipt import Receipt, ReceiptOutcome
from pilothouse.store.metadata import tables

_receipts = tables.receipts
_PAGE = 20_000


class Receipts:
    """The receipts, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, receipts: Sequence[Receipt]) -> None:
        """Add the counts to those of the same minute, way in and outcome."""
        if not receipts:
            return
        insert = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        statement = insert(_receipts)
        given = statement.excluded
        added = statement.on_conflict_do_update(
            index_elements=list(_receipts.primary_key.columns),
            set_={
                "requests": _receipts.c.requests + given.requests,
                "items": _receipts.c["items"] + given["items"],
                "sample": case((given.sample == "", _receipts.c.sample), else_=given.sample),
            },
        )
        # in one order, so that two processes that add to the same rows never wait for each other in a circle
        rows = sorted((msgspec.structs.asdict(one) for one in receipts), key=lambda row: [str(row[n]) for n in _KEYS])
        self._connection.execute(added, rows)

    def page(self, project_id: str, from_ns: int, to_ns: int) -> list[Receipt]:
        """Return a project's counts of the minutes that begin within the range, newest first, at most 20,000."""
        found = select(_receipts).where(
            _receipts.c.project_id == project_id, _receipts.c.minute_ns >= from_ns, _receipts.c.minute_ns < to_ns
        )
        rows = self._connection.execute(found.order_by(_receipts.c.minute_ns.desc()).limit(_PAGE)).mappings()
        return [_receipt(dict(row)) for row in rows]

    def forget(self, before_ns: int) -> None:
        """Remove the minutes that began before a time."""
        self._connection.execute(delete(_receipts).where(_receipts.c.minute_ns < before_ns))


_KEYS = tuple(column.name for column in _receipts.primary_key.columns)


def _receipt(row: dict[str, Any]) -> Receipt:
    outcome = ReceiptOutcome(row.pop("outcome"))
    return Receipt(**row, outcome=outcome)
