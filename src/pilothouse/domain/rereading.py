"""How a way in reads anew what it brought once: what it makes today of a kept span, as far as that is kept."""

from collections.abc import Callable, Sequence

import msgspec

from pilothouse.domain.fold import Fold
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.span import Span


class Heard(msgspec.Struct, frozen=True):
    """What was said of a span at one time, by the mapping of today."""

    patch: SpanPatch
    complete: bool = True
    """Nothing of what was said then is missing, so that it stands for all that was made of it before."""


Reading = Callable[[Span, Fold], Sequence[Heard]]
"""Returns what was said of a row, the earliest first; nothing for a row that another way in brought."""
