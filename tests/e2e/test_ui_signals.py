"""The pages of metrics and log records: what applications sent, found, split, followed and led to its span."""

import re
import time

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE
from playwright.async_api import expect

from tests.e2e.browser import PHONE, Person
from tests.e2e.conftest import House, OpenPage, Project
from tests.server.otlp_requests import PROTOBUF, trace_request

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MINUTE_NS = 60 * 10**9
MODELS = ("gpt-4o-mini", "claude-haiku")
MINUTES = 50


def measured(trace_id: bytes, span_id: bytes) -> ExportMetricsServiceRequest:
    """Return almost an hour of a histogram of model calls, of a counter that starts anew, and of a gauge.

    Some of the calls are told one by one: every tenth minute one of the trace, at last one that took very long.
    """
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    times, retries, depth = metrics.add(), metrics.add(), metrics.add()
    times.name, times.unit = "gen_ai.client.operation.duration", "s"
    times.description = "How long model calls took"
    times.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
    retries.name, retries.unit = "app.retries", "{retry}"
    retries.sum.is_monotonic, retries.sum.aggregation_temporality = True, AGGREGATION_TEMPORALITY_CUMULATIVE
    depth.name, depth.unit = "app.queue.depth", "1"
    now_ns = time.time_ns()
    for minute in range(MINUTES):
        at_ns = now_ns - (MINUTES - minute) * MINUTE_NS
        for number, model in enumerate(MODELS):
            held = times.histogram.data_points.add(
                start_time_unix_nano=now_ns - MINUTES * MINUTE_NS - 1, time_unix_nano=at_ns,
                explicit_bounds=(0.2, 0.5, 1, 2, 4), count=(minute + 1) * 10, sum=(minute + 1) * (4.0 + number),
                bucket_counts=[(minute + 1) * each for each in (1, 4 - number, 3, 1, 1 + number, 0)],
            )  # fmt: skip
            named = held.attributes.add()
            named.key, named.value.string_value = "gen_ai.request.model", model
            if minute % 10 == 9:
                took_s = 90.0 if minute + 1 == MINUTES and number else 1.5 + number
                one = held.exemplars.add(time_unix_nano=at_ns, as_double=took_s, trace_id=trace_id, span_id=span_id)
                said = one.filtered_attributes.add()
                said.key, said.value.string_value = "order.id", str(1000 + minute)
        retries.sum.data_points.add(
            start_time_unix_nano=now_ns - MINUTES * MINUTE_NS - 1, time_unix_nano=at_ns, as_int=minute % 25 * 6
        )
        depth.gauge.data_points.add(time_unix_nano=at_ns, as_double=3 + minute % 7)
    return request


def told(trace_id: bytes, span_id: bytes) -> ExportLogsServiceRequest:
    """Return log records of two severities, one of them of a span."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    named = group.resource.attributes.add()
    named.key, named.value.string_value = "service.name", "shop"
    records = group.scope_logs.add().log_records
    for number in range(60):
        record = records.add(time_unix_nano=time.time_ns() - (number + 1) * 10**9, severity_number=9)
        record.severity_text, record.body.string_value = "INFO", f"cart {number} was filled"
    failed = records.add(time_unix_nano=time.time_ns(), severity_number=17, trace_id=trace_id, span_id=span_id)
    failed.severity_text, failed.body.string_value = "ERROR", "the payment of order 1042 was refused"
    said = failed.attributes.add()
    said.key, said.value.string_value = "order.id", "1042"
    return request


async def sent(house: House, project: Project) -> str:
    """Send all of it to a project, and return the id of its trace."""
    traced = trace_request()
    span = traced.resource_spans[0].scope_spans[0].spans[0]
    secret = await project.create_key("sender", permissions=["ingest", "inference"])
    headers = {**PROTOBUF, "authorization": f"Bearer {secret}"}
    bodies = {
        "traces": traced,
        "metrics": measured(span.trace_id, span.span_id),
        "logs": told(span.trace_id, span.span_id),
    }
    async with httpx.AsyncClient(base_url=house.stack.platform_url, headers=headers, trust_env=False) as client:
        for signal, body in bodies.items():
            answer = await client.post(f"/v1/{signal}", content=body.SerializeToString())
            assert answer.status_code == 200, answer.text
    await project.kept(1)
    return span.trace_id.hex()


@pytest.mark.parametrize("page", ["metrics", "logs"])
async def test_without_any_the_page_says_how_to_send_some(house: House, ada: Person, page: str) -> None:
    project = await house.project(f"No {page}")
    await ada.open(f"/signals/{page}", project=project.id)
    await expect(ada.page.get_by_role("heading", name=re.compile(f"^No .*{page[:3]}"))).to_be_visible()
    await expect(ada.page.get_by_text("OTEL_EXPORTER_OTLP_ENDPOINT")).to_be_visible()
    assert await ada.barriers() == []
    await ada.shot(f"{page}-empty")


async def test_metrics_are_charts_that_are_split_narrowed_and_opened(house: House, page_for: OpenPage) -> None:
    project = await house.project("Measured")
    await sent(house, project)
    ada = await page_for()
    await ada.open("/signals/metrics", project=project.id, range="1h")
    card = ada.page.get_by_role("region", name="gen_ai.client.operation.duration")
    await expect(card.get_by_role("img", name="gen_ai.client.operation.duration over time")).to_be_visible()
    await expect(card).to_contain_text("p99")
    await expect(ada.page.get_by_role("region", name="Other metrics").get_by_role("img")).to_have_count(2)
    await ada.button("Split by").click()
    await ada.page.get_by_role("checkbox", name="gen_ai.request.model").check()
    await ada.page.keyboard.press("Escape")
    await expect(card).to_contain_text("claude-haiku")
    await ada.button("Filter").click()
    await ada.button(re.compile("^gen_ai.request.model"), exact=False).click()
    await ada.button(re.compile("^gpt-4o-mini"), exact=False).click()
    await expect(card).not_to_contain_text("claude-haiku")
    await expect(ada.page.get_by_role("region", name="app.retries")).to_have_count(0)
    assert await ada.barriers() == []
    await ada.shot("metrics")
    await ada.button("Time of a model call").click()
    await expect(ada.page.get_by_text("How long model calls took")).to_be_visible()
    figures = ada.page.get_by_role("region", name="Last figures")
    row = figures.get_by_role("row").filter(has_text="gpt-4o-mini")
    await expect(row).to_contain_text("/s")
    await ada.button("p95").click()
    await expect(ada.page).to_have_url(re.compile("measure=p95"))
    assert await ada.barriers() == []
    await ada.shot("metric")
    phone = await page_for(size=PHONE, scheme="dark")
    await phone.open("/signals/metrics", project=project.id, range="1h")
    await expect(phone.page.get_by_role("img", name="gen_ai.client.operation.duration over time")).to_be_visible()
    assert await phone.sideways() == []
    assert await phone.barriers() == []
    await phone.shot("metrics-phone")


async def test_exemplars_lead_from_a_chart_and_a_table_to_their_trace(house: House, page_for: OpenPage) -> None:
    project = await house.project("Exemplary")
    trace_id = await sent(house, project)
    for scheme in ("light", "dark"):
        ada = await page_for(scheme=scheme)
        await ada.open("/signals/metrics", project=project.id, range="1h")
        card = ada.page.get_by_role("region", name="gen_ai.client.operation.duration")
        points = card.locator("[data-beyond]")
        await expect(points).to_have_count(10)
        # the one that took very long stands at the edge, and the lines stay lines
        await expect(card.locator("[data-beyond=true]")).to_have_count(1)
        await ada.shot(f"metrics-exemplars-{scheme}")
        await ada.button("Time of a model call").click()
        table = ada.page.get_by_role("region", name="Measurements and their traces")
        await expect(table.get_by_role("row").nth(1)).to_contain_text("order.id: 1049")
        await expect(table.get_by_role("row")).to_have_count(11)
        await points.nth(2).hover()
        await expect(ada.page.locator(".chart-tip").filter(has_text="Click opens its trace")).to_contain_text(
            "order.id"
        )
        assert await ada.barriers() == []
        await ada.shot(f"metric-exemplars-{scheme}")
        await ada.button("how many a second").click()
        await expect(points).to_have_count(0)
        await ada.button("p95").click()
        await points.nth(2).click()
        await expect(ada.page).to_have_url(re.compile(trace_id))
        await ada.page.go_back()
        await table.get_by_role("link").first.click()
        await expect(ada.page).to_have_url(re.compile(trace_id))
        await expect(ada.page.get_by_role("treeitem", name=re.compile("step 0"))).to_be_visible()


async def test_log_records_are_found_followed_and_lead_to_their_span(house: House, page_for: OpenPage) -> None:
    project = await house.project("Told")
    trace_id = await sent(house, project)
    ada = await page_for()
    await ada.open("/signals/logs", project=project.id)
    table = ada.page.get_by_role("table", name="Log records")
    await expect(table.get_by_role("row").nth(1)).to_contain_text("the payment of order 1042 was refused")
    assert await ada.barriers() == []
    await ada.shot("logs")
    await ada.page.get_by_label("Search log records").fill("CART 7")
    await expect(table.get_by_role("row")).to_have_count(2)
    await ada.button("Clear", exact=True).click()
    await ada.button("Severity from").click()
    await ada.page.get_by_role("checkbox", name="warn").check()
    await ada.page.keyboard.press("Escape")
    await expect(table.get_by_role("row")).to_have_count(2)
    await table.get_by_role("row").nth(1).get_by_role("cell").nth(4).click()
    panel = ada.page.get_by_role("complementary", name="log record")
    await expect(panel).to_contain_text("order.id")
    assert await ada.barriers() == []
    await ada.shot("log")
    await panel.get_by_role("link", name="Open its span").click()
    await expect(ada.page).to_have_url(re.compile(trace_id))
    await expect(ada.page.get_by_role("treeitem", name=re.compile("step 0"))).to_be_visible()
    phone = await page_for(size=PHONE, scheme="dark")
    await phone.open("/signals/logs", project=project.id, live="1")
    await expect(phone.page.get_by_role("table").get_by_role("row").nth(1)).to_contain_text("the payment")
    await _more(house, project)
    await phone.button(re.compile("^1 new"), exact=False).click()
    await expect(phone.page.get_by_role("table").get_by_role("row").nth(1)).to_contain_text("one more")
    assert await phone.sideways() == []
    assert await phone.barriers() == []
    await phone.shot("logs-phone")


async def _more(house: House, project: Project) -> None:
    secret = await project.create_key("later", permissions=["ingest"])
    body = ExportLogsServiceRequest()
    record = body.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=time.time_ns())
    record.body.string_value = "one more"
    headers = {**PROTOBUF, "authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=house.stack.platform_url, headers=headers, trust_env=False) as client:
        assert (await client.post("/v1/logs", content=body.SerializeToString())).status_code == 200
