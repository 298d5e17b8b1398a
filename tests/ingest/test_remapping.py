"""Raw attributes of kept rows are read anew: what an unchanged mapping says is what is there."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.catalog.charges import Charges
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.fold import fold_of, merged
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.redaction.policy import Action, DetectorRule, Policy
from pilothouse.domain.span import Span
from pilothouse.ingest.remapping import Map, of_otel, remapped
from pilothouse.ingest.rows import fold_of_row, row_of_fold, row_of_patch
from pilothouse.otlp.decode import Encoding
from pilothouse.otlp.mapping import patch_of
from pilothouse.otlp.signals import OtelSpan
from tests.ingest.patches import CATALOG, S
from tests.otlp.test_golden import FILES, FOLDER, read
from tests.spans import make_span

NOW = 1_800_000_000 * S
TRACES = [path for path in FILES if "resourceSpans" in json.loads(path.read_text())["request"]]


def rows_of(path: Path) -> list[Span]:
    """Return the rows that an SDK's spans make."""
    patches = read(json.loads(path.read_text()), Encoding.JSON)
    return [
        row_of_patch(msgspec.structs.replace(patch, project_id="p", key_id="k"), Charges(CATALOG), NOW)
        for patch in patches
    ]


def again(row: Span, mapping: Map = patch_of, redactor: Redactor | None = None) -> Span:
    fresh = remapped(row, Catalog(), redactor, NOW, (partial(of_otel, mapping=mapping),))
    assert fresh is not None
    return fresh


def saying(**fields: object) -> Map:
    """Return a mapping that says something else besides."""

    def mapping(span: OtelSpan) -> SpanPatch | None:
        patch = patch_of(span)
        return None if patch is None else msgspec.structs.replace(patch, **fields)

    return mapping


@pytest.mark.parametrize("path", TRACES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_an_sdk_sent_means_the_same_again(path: Path) -> None:
    for row in rows_of(path):
        fresh = remapped(row, Catalog(), None, NOW)
        for name in Span.__struct_fields__ if fresh is not None and fresh is not row else ():
            assert getattr(fresh, name) == getattr(row, name), name
        assert fresh is row


@pytest.mark.parametrize("path", TRACES[::7], ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_better_mapping_holds_and_twice_is_once(path: Path) -> None:
    better = saying(user_id="ada", session_id=None)
    for row in rows_of(path):
        fresh = again(row, better)
        assert (fresh.user_id, fresh.session_id) == ("ada", "")
        assert fresh.attributes == row.attributes
        assert again(fresh, better) is fresh
        assert again(fresh) == row


def one_row(**changes: Any) -> Span:
    """Return the row of a chat call as an instrumentation reports it."""
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "10", "user.id": "ada@example.com",
    }  # fmt: skip
    span = OtelSpan(
        trace_id="1" * 32, span_id="2" * 16, name="chat", kind=3, started_at_ns=NOW - 2 * S, ended_at_ns=NOW - S,
        attributes=dict(attributes), resource={"service.name": "app"},
    )  # fmt: skip
    patch = patch_of(span)
    assert patch is not None
    return row_of_patch(msgspec.structs.replace(patch, project_id="p", **changes), Charges(CATALOG), NOW)


def with_patch(row: Span, **said: Any) -> Span:
    """Return the row after another source has said something."""
    later = SpanPatch(trace_id=row.trace_id, span_id=row.span_id, project_id="p", **said)
    return row_of_fold(merged(fold_of_row(row), fold_of(later)), CATALOG, NOW, row)


def test_what_another_source_says_later_stays_and_what_it_said_before_does_not() -> None:
    late = with_patch(one_row(), source="langfuse", at_ns=NOW, user_id="bob", name="by hand", metadata={"a": "1"})
    fresh = again(late, saying(user_id="ada", session_id="s"))
    assert (fresh.user_id, fresh.name, fresh.session_id, fresh.metadata) == ("bob", "by hand", "s", {"a": "1"})
    early = with_patch(one_row(), source="langfuse", at_ns=NOW - 3 * S, session_id="first", release="r1")
    fresh = again(early, saying(session_id="s"))
    assert (fresh.session_id, fresh.release) == ("s", "r1")
    assert again(fresh, saying(session_id="s")) is fresh


def test_a_raw_attribute_that_another_source_gave_is_not_taken_for_the_spans_own() -> None:
    row = with_patch(one_row(), source="langfuse", at_ns=NOW, attributes={"session.id": "no"}, tags=("x",))
    fresh = again(row, saying(release="r"))
    assert (fresh.session_id, fresh.attributes["session.id"], fresh.tags, fresh.release) == ("", "no", ("x",), "r")


def test_a_policy_of_today_is_applied_and_one_of_before_is_never_undone() -> None:
    row = one_row()
    assert "ada@example.com" in (row.user_id, row.attributes["user.id"])
    redactor = Redactor(Policy(detectors=(DetectorRule("email", Action.MASK),)), bytes(32))
    hidden = again(row, redactor=redactor)
    assert "ada@example.com" not in msgspec.json.encode(msgspec.structs.replace(hidden, fold=b"")).decode()
    assert b"ada@" not in hidden.fold
    assert again(hidden, redactor=redactor) is hidden
    assert again(hidden) is hidden, "without a policy nothing comes back"


def test_a_span_that_never_ended_stays_closed_and_an_open_one_open() -> None:
    begun = one_row(ended_at_ns=None, whole=False)
    assert begun.running
    closed = msgspec.structs.replace(begun, running=False, abandoned=True, wrapper=True)
    fresh = again(closed, saying(user_id="ada"))
    assert (fresh.running, fresh.abandoned, fresh.wrapper) == (False, True, True)
    assert again(begun, saying(user_id="ada")).running


def test_the_gateways_own_calls_and_what_has_no_raw_attributes_are_left() -> None:
    row = one_row()
    others = (
        make_span("p"),
        msgspec.structs.replace(row, request_id="r"),
        msgspec.structs.replace(row, attributes={}),
        msgspec.structs.replace(row, resource={}),
    )
    assert [remapped(other, CATALOG, None, NOW) for other in others] == [None] * 4
