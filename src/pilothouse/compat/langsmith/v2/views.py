"""Runs, traces and figures in the form of version 2: the fields that are asked for, and no others."""

from collections.abc import Callable, Iterable, Mapping
from statistics import stdev
from typing import Any

import msgspec

from pilothouse.compat.langsmith import attachments, views
from pilothouse.compat.langsmith.attachments import AddressOf
from pilothouse.compat.langsmith.runs import EXAMPLE_ID
from pilothouse.domain.reading import ScoreDetail, SpanDetail
from pilothouse.protocols.loose import mapping, number, scalar

SCORES, QUEUED, DATASET = "FEEDBACK_STATS", "LAST_QUEUED_AT", "REFERENCE_DATASET_ID"
"""Fields that are looked up beside the run when they are asked for."""
AGGREGATES = ("TOTAL_TOKENS", "TOTAL_COST", "FIRST_TOKEN_TIME")
"""Of these the figures of the whole trace are told where traces are asked for."""
_MOST_CHARS = 300
"""Of a preview."""
_MOST_COMMENTS = 10


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of runs beside them, of what was asked for."""

    address_of: AddressOf
    scores: dict[str, list[ScoreDetail]] = {}
    """By the run's span."""
    queued_at: dict[str, str | None] = {}
    """Likewise, when a run was put into a queue last."""
    dataset_ids: dict[str, str] = {}
    """By the example."""


class _One(msgspec.Struct, frozen=True):
    run: dict[str, Any]
    """In the form of version 1."""
    detail: SpanDetail
    beside: Beside


def run(detail: SpanDetail, trace_id: str, selects: Iterable[str], beside: Beside) -> dict[str, Any]:
    """Return the fields of a run that are asked for."""
    one = _One(views.run(detail, trace_id, beside.address_of), detail, beside)
    return {name.lower(): _FIELDS[name](one) for name in selects}


def stats_of(scores: list[ScoreDetail]) -> dict[str, Any]:
    """Return the figures of feedback by its key."""
    return {
        name: _stats([one for one in scores if one.name == name]) for name in dict.fromkeys(one.name for one in scores)
    }


def preview(text: str) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - 1]}…"


def _stats(scores: list[ScoreDetail]) -> dict[str, Any]:
    numbers = [one.number for one in scores if one.number is not None]
    texts = [one.text for one in scores if one.text]
    return {
        "n": len(scores),
        "avg": sum(numbers) / len(numbers) if numbers else None,
        "min": min(numbers, default=None),
        "max": max(numbers, default=None),
        "stdev": stdev(numbers) if len(numbers) > 1 else None,
        "values": {text: texts.count(text) for text in dict.fromkeys(texts)},
        "comments": [one.comment for one in scores if one.comment][:_MOST_COMMENTS],
        "sources": sorted({scalar(views.score(one)["feedback_source"].get("type")) for one in scores}),
        "errors": 0,
        "contains_thread_feedback": False,
    }


def _as_it_is(name: str) -> Callable[[_One], Any]:
    return lambda one: one.run.get(name)


def _nothing(_one: _One) -> None:
    """Return what stands for a field of which nothing is known here."""


def _upper(name: str) -> Callable[[_One], Any]:
    return lambda one: scalar(one.run.get(name)).upper()


def _said(one: _One) -> dict[str, Any]:
    """Return the usage that the application told of the run, beside it or in its outputs."""
    metadata = mapping(mapping(one.run.get("extra")).get("metadata"))
    return mapping(metadata.get("usage_metadata")) or mapping(mapping(one.run.get("outputs")).get("usage_metadata"))


def _said_number(name: str) -> Callable[[_One], Any]:
    return lambda one: number(_said(one).get(name))


def _said_raw(theirs: str, ours: str) -> Callable[[_One], Any]:
    """Return figures by category as the application told them, else as they are kept."""

    def found(one: _One) -> dict[str, Any] | None:
        figures = mapping(_said(one).get(theirs)) or mapping(one.run.get(ours))
        return {"raw": figures} if figures else None

    return found


def _event(event: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in event.items() if name not in ("name", "time")}
    return {"name": event.get("name"), "time": event.get("time"), "kwargs": told or None}


def _files(one: _One) -> dict[str, str] | None:
    found = attachments.shown(one.detail.attributes, one.beside.address_of)
    return {name.removeprefix("attachment."): held["presigned_url"] for name, held in found.items()} or None


_FIELDS: Mapping[str, Callable[[_One], Any]] = {
    **{
        name: _as_it_is(name.lower())
        for name in (
            "ID", "NAME", "START_TIME", "END_TIME", "FIRST_TOKEN_TIME", "ERROR", "EXTRA", "INPUTS", "OUTPUTS",
            "PARENT_RUN_IDS", "TRACE_ID", "DOTTED_ORDER", "REFERENCE_EXAMPLE_ID", "TOTAL_TOKENS", "PROMPT_TOKENS",
            "COMPLETION_TOKENS", "TAGS", "APP_PATH", "THREAD_ID",
        )
    },
    **dict.fromkeys(("PRICE_MODEL_ID", "THREAD_EVALUATION_TIME", "SHARE_URL", "LS_USER_ID"), _nothing),
    "PROMPT_COST": _said_number("input_cost"),
    "COMPLETION_COST": _said_number("output_cost"),
    "PROMPT_COST_DETAILS": _said_raw("input_cost_details", ""),
    "COMPLETION_COST_DETAILS": _said_raw("output_cost_details", ""),
    "RUN_TYPE": _upper("run_type"),
    "STATUS": _upper("status"),
    "LATENCY_SECONDS": lambda one: None if one.detail.running else one.detail.duration_ms / 1000,
    "ERROR_PREVIEW": lambda one: preview(one.run["error"]) if one.run.get("error") else None,
    "METADATA": lambda one: mapping(mapping(one.run.get("extra")).get("metadata")),
    "EVENTS": lambda one: [_event(event) for event in one.run["events"]],
    "INPUTS_PREVIEW": lambda one: preview(one.detail.input),
    "OUTPUTS_PREVIEW": lambda one: preview(one.detail.output),
    "MANIFEST": _as_it_is("serialized"),
    "PROJECT_ID": _as_it_is("session_id"),
    "IS_ROOT": lambda one: not one.detail.parent_span_id,
    "TOTAL_COST": lambda one: None if one.detail.cost_usd is None else float(one.detail.cost_usd),
    "PROMPT_TOKEN_DETAILS": _said_raw("input_token_details", "prompt_token_details"),
    "COMPLETION_TOKEN_DETAILS": _said_raw("output_token_details", "completion_token_details"),
    "ATTACHMENTS": _files,
    "IS_IN_DATASET": lambda one: EXAMPLE_ID in one.detail.attributes,
    SCORES: lambda one: stats_of(one.beside.scores.get(one.detail.span_id, [])),
    QUEUED: lambda one: one.beside.queued_at.get(one.detail.span_id),
    DATASET: lambda one: one.beside.dataset_ids.get(scalar(one.run.get("reference_example_id"))),
}  # fmt: skip
FIELDS = tuple(_FIELDS)
"""All that can be asked for."""
