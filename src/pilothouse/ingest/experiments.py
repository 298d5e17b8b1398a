"""Experiments that spans tell of by themselves, as Langfuse's SDKs from 5 on run them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pilothouse.ingest.reading import Arrived
from pilothouse.registry.experiments import SeenRun

_ID = "langfuse.experiment.id"
_ITEM = "langfuse.experiment.item.id"
_MOST = 255


def runs_of(spans: Iterable[Arrived]) -> list[SeenRun]:
    """Return what spans say of experiments, each item of a trace once."""
    found: dict[tuple[str, str, str], SeenRun] = {}
    for arrived in spans:
        for patch in arrived.patches:
            said = patch.attributes
            if _ID not in said or _ITEM not in said or not said[_ID] or not said[_ITEM]:
                continue
            key = said[_ID], said[_ITEM], patch.trace_id
            if key not in found:
                found[key] = SeenRun(
                    project_id=patch.project_id,
                    experiment_id=said[_ID][:128],
                    name=(said.get("langfuse.experiment.name") or said[_ID])[:_MOST],
                    description=said.get("langfuse.experiment.description", ""),
                    metadata=_document(said.get("langfuse.experiment.metadata", "")),
                    dataset_id=said.get("langfuse.experiment.dataset.id", ""),
                    item_id=said[_ITEM],
                    trace_id=patch.trace_id,
                    span_id=said.get("langfuse.experiment.item.root_observation_id", ""),
                    at_ns=patch.started_at_ns or patch.at_ns,
                )
    return list(found.values())


def _document(text: str) -> Any:
    try:
        return msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        return text
