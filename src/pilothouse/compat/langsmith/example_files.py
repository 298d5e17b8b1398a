"""Which files an example has after a change: those that the change names, and no others once it names any."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pilothouse.domain.dataset import Attachment, DatasetItem
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.datasets import ItemPut

OPERATIONS = "attachments_operations"


def with_files(put: ItemPut, operations: Any, added: Sequence[Attachment], held: DatasetItem | None) -> ItemPut:
    """Return a change with the files that the example is to have; those it has stay when it says nothing of files.

    `operations` is `{"retain": [name …], "rename": {old: new …}}`, or None. A file that comes with the change goes
    before one of its name that is kept. Raises `InvalidRequest` when two files that are kept would have one name.
    """
    if operations is None and not added:
        return put
    kept = _kept(operations, held.attachments if held else ())
    named = {one.name: one for one in (*kept, *added)}
    return msgspec.structs.replace(put, attachments=tuple(named.values()))


def _kept(operations: Any, held: Sequence[Attachment]) -> list[Attachment]:
    if operations is not None and not isinstance(operations, dict):
        raise InvalidRequest(f"`{OPERATIONS}` must be an object with `retain` and `rename`", param=OPERATIONS)
    said = mapping(operations)
    retained, renamed = listing(said.get("retain")), mapping(said.get("rename"))
    found: dict[str, Attachment] = {}
    for one in held:
        if one.name not in retained and one.name not in renamed:
            continue
        name = scalar(renamed.get(one.name)) or one.name
        if name in found:
            raise InvalidRequest(f"two of the files that are kept would be called {name[:100]!r}", param=OPERATIONS)
        found[name] = msgspec.structs.replace(one, name=name)
    return list(found.values())
