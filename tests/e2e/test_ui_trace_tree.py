"""The page of a large trace: its tree in pages, search, folds, keys, links to a span, and pictures."""

import base64
import json
import os
import re
import time

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.async_api import expect

from tests.e2e.browser import Person
from tests.e2e.conftest import House, Project
from tests.e2e.stack import until

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SPANS, LEVELS = 2_400, 130
"""More than the first page holds, and deeper than anybody indents."""
PICTURE = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8d"
        "b00000000049454e44ae426082"
    )
).decode()


def _name(number: int) -> str:
    return f"step {number}"


def _large(trace_id: bytes) -> bytes:
    """A chain of all levels, and then leaves below the first of it; the root says something with a picture in it."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    began_ns = time.time_ns() - 60 * 10**9
    for number in range(SPANS):
        span = spans.add()
        span.trace_id, span.span_id, span.name = trace_id, (number + 1).to_bytes(8, "big"), _name(number)
        if number:
            span.parent_span_id = (number if number < LEVELS else 1).to_bytes(8, "big")
        span.start_time_unix_nano = began_ns + number * 10**6
        span.end_time_unix_nano = span.start_time_unix_nano + 5 * 10**6
        if number in (0, LEVELS - 1):
            said = span.attributes.add()
            said.key = "gen_ai.input.messages"
            words = f"The lighthouse at level {number}: ![chart](data:image/png;base64,{PICTURE})"
            said.value.string_value = json.dumps([{"role": "user", "parts": [{"type": "text", "content": words}]}])
    return request.SerializeToString()


async def _send(house: House, project: Project, body: bytes, trace_id: str, count: int) -> None:
    secret = await project.create_key("telemetry", permissions=["ingest"])
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/x-protobuf"}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        (await client.post(f"{house.stack.platform_url}/v1/traces", content=body, headers=headers)).raise_for_status()
    async with house.stack.api() as api:

        async def there() -> bool:
            answer = await api.get(f"/traces/{trace_id}/tree", headers={"x-pilothouse-project": project.id})
            return answer.status_code == 200 and answer.json()["summary"]["span_count"] == count

        await until(there)


async def test_a_large_trace_is_searched_folded_and_walked_through(house: House, ada: Person) -> None:
    project, trace_id = await house.project("Large"), os.urandom(16)
    await _send(house, project, _large(trace_id), trace_id.hex(), SPANS)
    await ada.open(f"/traces/{trace_id.hex()}", project=project.id)
    tree = ada.page.get_by_role("tree", name="Spans")
    await expect(tree).to_have_attribute("aria-description", "2,400 spans")
    selected = tree.get_by_role("treeitem", selected=True)
    await expect(selected).to_contain_text(_name(0))
    picture = ada.page.get_by_role("img", name="Recorded image")
    await expect(picture).to_have_attribute("src", re.compile("^blob:"))
    assert PICTURE[:40] not in await ada.page.content()
    await ada.shot("trace-large")

    search = ada.page.get_by_role("searchbox", name="Search in this trace")
    await search.fill("lighthouse at level 129")
    found = ada.page.locator("label").get_by_role("status")
    await expect(found).to_have_text("1")
    await search.press("Enter")
    await expect(selected).to_contain_text(_name(LEVELS - 1))
    await expect(selected).to_have_attribute("aria-level", "130")
    await expect(found).to_have_text("1/1")
    await ada.button("Only matches").click()
    await expect(tree.get_by_role("treeitem").filter(has_text=_name(LEVELS))).to_have_count(0)
    await search.press("Escape")

    await ada.page.keyboard.press("-")
    await expect(tree.get_by_role("treeitem")).to_have_count(1)
    await tree.press("Home")
    await tree.press("ArrowRight")
    await tree.press("ArrowRight")
    await expect(selected).to_contain_text(_name(1))
    await tree.press("End")
    await expect(selected).to_contain_text(_name(SPANS - 1))
    await tree.press("ArrowLeft")
    await expect(selected).to_contain_text(_name(0))
    await ada.button("Fold", exact=True).click()
    await ada.page.get_by_role("menuitem", name="Show 3 levels").click()
    await expect(tree.get_by_role("treeitem", name=re.compile(r"\bstep 3\b"))).to_have_count(0)


async def test_a_link_to_a_span_opens_at_it(house: House, ada: Person) -> None:
    project, trace_id = await house.project("Link"), os.urandom(16)
    await _send(house, project, _large(trace_id), trace_id.hex(), SPANS)
    last = SPANS.to_bytes(8, "big").hex()
    await ada.open(f"/traces/{trace_id.hex()}", project=project.id, span=last)
    row = ada.page.locator(f"#span-{last}")
    await expect(row).to_be_in_viewport()
    await expect(row).to_have_attribute("aria-selected", "true")


async def test_a_graph_of_steps_and_two_traces_side_by_side(house: House, ada: Person) -> None:
    project, trace_id = await house.project("Compared"), "4bf92f3577b34da6a3ce929d0e0e4736"
    parent = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    await project.call("ahoy there", headers=parent)
    await project.call("ahoy again", headers=parent)
    await project.call("ahoy somebody else")
    await project.kept(2)
    await ada.open(f"/traces/{trace_id}", project=project.id)
    await ada.button("Graph").click()
    await expect(ada.page.get_by_role("region", name="Graph").get_by_role("button")).to_contain_text("2×")
    await ada.shot("trace-graph")
    await ada.button("Compare with…").click()
    await ada.dialog().get_by_role("searchbox", name="Find a trace").fill("somebody else")
    await ada.dialog().get_by_role("list", name="Traces").get_by_role("button").click()
    rows = ada.page.get_by_role("table", name="Aligned spans").get_by_role("row")
    await expect(rows).to_have_count(3)
    await rows.nth(1).click()
    await expect(ada.page.get_by_role("region", name="Input")).to_contain_text("somebody else")
    await ada.shot("trace-compare")
    await ada.page.reload()
    await expect(ada.page.get_by_role("region", name="Input")).to_contain_text("somebody else")
