"""Datasets: items that are tried, each change to which makes a new version of the whole."""

from enum import StrEnum
from typing import Any

import msgspec


class ItemStatus(StrEnum):
    """Whether an item is tried."""

    ACTIVE = "active"
    ARCHIVED = "archived"


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A set of items."""

    id: str
    project_id: str
    name: str
    """Unique in the project; may hold slashes."""
    description: str = ""
    metadata: Any = None
    input_schema: Any = None
    """JSON schema that an item's input must fit; None takes any."""
    expected_output_schema: Any = None
    """Likewise of the expected output, where there is one."""
    details: dict[str, Any] = {}
    """What the product that made it keeps with it."""
    version: int = 0
    """Number of the newest version; 0 is the empty one."""
    item_count: int = 0
    """Items of the newest version, archived ones too."""
    created_at_ns: int
    updated_at_ns: int


class Attachment(msgspec.Struct, frozen=True):
    """A file of an item, by the name that the item gives it."""

    name: str
    media_id: str
    content_type: str
    sha256: str = ""
    """64 hexadecimal digits."""


class DatasetItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item, as it is in a range of versions."""

    id: str
    """Unique in the project."""
    dataset_id: str
    input: Any = None
    expected_output: Any = None
    metadata: Any = None
    source_trace_id: str = ""
    """The trace from which it was taken, as the source calls it."""
    source_span_id: str = ""
    status: ItemStatus = ItemStatus.ACTIVE
    splits: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    created_at_ns: int
    changed_at_ns: int
    """When the version came in which it has this form."""


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a dataset; it never changes."""

    dataset_id: str
    number: int
    at_ns: int
    """Whole microseconds; later than that of the version before."""
    author: str
    added: int
    changed: int
    removed: int
