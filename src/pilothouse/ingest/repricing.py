"""A kept span's cost computed anew, in the way in which ingest computes it."""

from decimal import Decimal

import msgspec

from pilothouse.catalog.prices import Catalog
from pilothouse.domain.money import Cost
from pilothouse.domain.span import Span
from pilothouse.ingest.rows import SAID_BY_SOURCE, cost_fields, cost_of_row

_LEAST = Decimal(1).scaleb(-12)
"""What the store keeps of an amount; below it two are the same."""


def repriced(row: Span, catalog: Catalog) -> Span | None:
    """Return the row with the cost that it would have if it came now; the very row when that is the same.

    None where the source itself says the cost, which stays.
    """
    fresh = cost_of_row(row, catalog)
    if fresh.price_version == SAID_BY_SOURCE == row.price_version:
        return None
    return row if _same(row, fresh) else msgspec.structs.replace(row, **cost_fields(fresh))


def _same(row: Span, fresh: Cost) -> bool:
    amount, before = fresh.amount_usd, row.cost_usd
    if amount is None or before is None:
        if amount is not before:
            return False
    elif abs(amount - before) >= _LEAST:
        return False
    return (row.cost_status, row.cost_detail, row.price_version) == (fresh.status, fresh.detail, fresh.price_version)
