"""Prices per token as whole numbers over one power of ten: their sums are exact, and take a tenth of the time."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter

import msgspec
from genai_prices.types import TieredPrices

from pilothouse.domain.usage import Usage

TOKENS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens",
    "input_image_tokens", "output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens",
)  # fmt: skip
"""The buckets of a usage that count tokens."""

_counts: Callable[[Usage], tuple[int, ...]] = attrgetter(*TOKENS)
_NO_PRICE = 10**40
"""Stands for the price of a bucket that has none: no sum of real prices comes near it."""
_TOKEN_PLACES = 6
"""Prices are per million tokens."""

Price = Decimal | TieredPrices | None


def counts_are_sound(usage: Usage) -> bool:
    """Return whether a usage's counts can be: they do not contradict each other, and none is negative."""
    return not usage.inconsistent and min(_counts(usage)) >= 0


class Rates(msgspec.Struct, frozen=True, gc=False):
    """What each token of one model costs, for one provider, tier, account and day."""

    version: str
    """Names the prices, as a cost does."""
    places: int
    """Amounts are in USD over ten to this power."""
    request: int
    """For the call itself."""
    starts: tuple[int, ...]
    """Lengths of the whole input above which other prices hold for all of a call, shortest first."""
    steps: tuple[tuple[int, ...], ...]
    """Prices of the buckets, in their order, up to the first of those lengths, the second …"""

    def total(self, usage: Usage) -> int | None:
        """Return the amount; None when the usage has more in it than sound counts of tokens that have a price."""
        # One expression each: loops and calls take several times as long, and every call of the gateway comes here.
        if usage.inconsistent or usage.images or usage.audio_s or usage.characters or usage.searches:
            return None
        if usage.pages or usage.annotated_pages:
            return None
        text, cached, out, thought = (
            usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens
        )  # fmt: skip
        written, kept, heard, seen, said, drawn = (
            usage.cache_write_5m_tokens, usage.cache_write_1h_tokens, usage.input_audio_tokens,
            usage.input_image_tokens, usage.output_audio_tokens, usage.output_image_tokens,
        )  # fmt: skip
        if (text | cached | out | thought | written | kept | heard | seen | said | drawn) < 0:
            return None
        starts = self.starts
        step = self.steps[bisect_left(starts, text + cached + written + kept + heard + seen) if starts else 0]
        total = self.request + text * step[0] + cached * step[1] + out * step[6] + thought * step[7]
        if written | kept | heard | seen | said | drawn:
            total += written * step[2] + kept * step[3] + heard * step[4] + seen * step[5]
            total += said * step[8] + drawn * step[9]
        return None if total >= _NO_PRICE else total

    def amount(self, total: int) -> Decimal:
        """Return an amount in USD."""
        return Decimal(total).scaleb(-self.places)

    def text(self, total: int) -> str:
        """Return an amount in USD as exact decimal digits, without superfluous zeros."""
        places = self.places
        digits = str(total).zfill(places + 1)
        return f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")


def rates(known: Mapping[str, Price], request_usd: Decimal, multiplier: Decimal, version: str) -> Rates:
    """Return prices per million tokens, by bucket, and of a request, in the quick form."""
    starts = sorted({tier.start for price in known.values() if isinstance(price, TieredPrices) for tier in price.tiers})
    # A length is reached by what is longer.
    lengths = (0, *(start + 1 for start in starts))
    listed = [[_at(known.get(bucket), length) for bucket in TOKENS] for length in lengths]
    exact = [[None if usd is None else usd * multiplier for usd in step] for step in listed]
    request = request_usd * multiplier
    needed = [_places(usd) + _TOKEN_PLACES for step in exact for usd in step if usd is not None]
    places = max(_places(request), _TOKEN_PLACES, *needed)
    steps = tuple(
        tuple(_NO_PRICE if usd is None else int(usd.scaleb(places - _TOKEN_PLACES)) for usd in step) for step in exact
    )
    return Rates(version, places, int(request.scaleb(places)), tuple(starts), steps)


def _at(price: Price, input_total: int) -> Decimal | None:
    return rate(price, input_total) if price is not None else None


def rate(price: Decimal | TieredPrices, input_total: int) -> Decimal:
    """Return the price that counts for a call whose whole input is so long."""
    if isinstance(price, Decimal):
        return price
    reached = bisect_left([tier.start for tier in price.tiers], input_total)
    return price.tiers[reached - 1].price if reached else price.base


def _places(usd: Decimal) -> int:
    exponent = usd.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
