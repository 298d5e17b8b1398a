"""Experiments: runs over a dataset, each of whose items leads to a trace."""

import hashlib
from typing import Any

import msgspec

_ID_DIGITS = 16
_KIND = "langfuse-experiment-v1"


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """One run over a dataset."""

    id: str
    project_id: str
    dataset_id: str = ""
    """Empty for one whose items are in no dataset here."""
    name: str
    """Unique among the experiments of the dataset."""
    description: str = ""
    metadata: Any = None
    details: dict[str, Any] = {}
    """What the product that made it keeps with it."""
    dataset_version: int | None = None
    """The version that it ran over, when it is known."""
    item_count: int = 0
    """Links to traces."""
    created_at_ns: int
    ended_at_ns: int | None = None
    updated_at_ns: int


class ExperimentItem(msgspec.Struct, frozen=True, kw_only=True):
    """What an experiment did with an item: the trace that came of it."""

    id: str
    experiment_id: str
    item_id: str
    trace_id: str
    """32 hexadecimal digits, or the source's own text where it has another form."""
    span_id: str = ""
    """Empty when the whole trace is meant."""
    created_at_ns: int


def derived_id(project_id: str, dataset_id: str, name: str) -> str:
    """Return the id of an experiment by what it is called: 16 hexadecimal digits.

    Langfuse's SDKs from 5 on make the same of it, and name it in spans and scores without asking.
    """
    said = msgspec.json.encode([_KIND, project_id, dataset_id, name])
    return hashlib.sha256(said).hexdigest()[:_ID_DIGITS]
