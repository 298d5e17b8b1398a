"""What a call costs: a decimal amount, or a visible reason why there is none."""

from decimal import Decimal
from enum import StrEnum

import msgspec


class CostStatus(StrEnum):
    """Why a cost is what it is."""

    PRICED = "priced"
    UNPRICED = "unpriced"
    """No price is known for the model; never shown as zero."""
    INCONSISTENT = "inconsistent"
    """The usage contradicts itself, such as more cached than input tokens."""
    UNMETERED = "unmetered"
    """The call has no usage: refused, failed before an answer, or the provider sent none."""


class Cost(msgspec.Struct, frozen=True):
    """The price of one call."""

    status: CostStatus
    amount_usd: Decimal | None = None
    """Present exactly when the status is `priced`."""
    price_version: str = ""
    """Names the price data that gave the amount."""
    detail: str = ""
    """For people: why there is no amount."""
