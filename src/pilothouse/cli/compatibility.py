"""Writes the page of what arrives where between chat dialects, by trying it."""

from collections.abc import Iterator
from itertools import groupby

from pilothouse.domain.call import Operation
from pilothouse.protocols import table
from pilothouse.protocols.base import ChatCodec, Dialect
from pilothouse.protocols.compatibility import FEATURES, Arrival, arrival

_SIGNS = {
    Arrival.WHOLE: "yes",
    Arrival.CHANGED: "put differently",
    Arrival.NOTED: "noted",
    Arrival.REFUSED: "refused",
    Arrival.UNSAID: "–",
}
_INTRO = """# Compatibility

What becomes of a request that is written in one dialect when the model's provider speaks another. Every cell is tried
when this page is made: the feature is written in the caller's dialect, converted, and looked for in what would be sent.
Between equal dialects nothing is converted. A model may take less than its provider's dialect has words for.

- **yes**: it arrives as it was meant.
- **put differently**: it arrives in another form, such as a schema as a forced tool.
- **noted**: a hint is left out or put in the nearest words, and named in `x-pilothouse-dropped` and on the trace.
- **refused**: it matters and has no place; the call is refused, unless the caller
  [allows the loss](../guides/dialects.md#what-a-provider-cannot-take).
- **–**: the caller's dialect cannot say it.
"""


def compatibility_page() -> str:
    """Return the page: a table for each caller's dialect, a column for each other one."""
    dialects = chat_dialects()
    return _INTRO + "".join(line for caller in dialects for line in _section(caller, dialects))


def chat_dialects() -> list[Dialect]:
    """Return the dialects of chats that can be converted."""
    found = map(table.dialect, table.ROWS)
    served = [one for one in found if isinstance(one.codec, ChatCodec) and one.operation is Operation.CHAT]
    return sorted(served, key=lambda one: one.name)


def _section(caller: Dialect, dialects: list[Dialect]) -> Iterator[str]:
    targets = [one for one in dialects if one.name != caller.name]
    yield f"\n## From `{caller.name}`\n\n| | {' | '.join(f'`{one.name}`' for one in targets)} |\n"
    yield f"|---|{'---|' * len(targets)}\n"
    for group, features in groupby(FEATURES, lambda feature: feature.group):
        yield f"| **{group}** |{' |' * len(targets)}\n"
        for feature in features:
            signs = [_SIGNS[arrival(feature, caller, target)] for target in targets]
            yield f"| {feature.title} | {' | '.join(signs)} |\n"
