"""How much of an account's allowance an answer says is left."""

from enum import StrEnum

import msgspec


class Allowance(StrEnum):
    """What is limited."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    INPUT_TOKENS = "input-tokens"
    OUTPUT_TOKENS = "output-tokens"


class RateLimit(msgspec.Struct, frozen=True):
    """One limit; None where the answer does not say."""

    of: Allowance
    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    """Seconds until it is whole again."""
