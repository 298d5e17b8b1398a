"""Metrics of applications over the API."""

import msgspec
import pytest

from pilothouse.domain.access import Permission
from pilothouse.domain.metrics import MetricFilter, MetricKind, MetricName
from tests.server.harness import Running

OF = "name=gen_ai.client.token.usage&kind=histogram&unit=%7Btoken%7D"


async def test_figures_are_of_the_metric_that_is_named(run: Running) -> None:
    client = run.client(await run.key(Permission.READ))
    answer = await client.get(f"/api/v1/metrics/figures?{OF}&group_by=attributes.m&where=resource.s=a%3Db&top=3")
    assert answer.json()["groups"] == []
    asked = run.store.asked[-1]
    assert isinstance(asked, MetricFilter)
    assert asked.metric == MetricName("gen_ai.client.token.usage", MetricKind.HISTOGRAM, "{token}")
    assert (asked.group_by, asked.where, asked.top) == ("attributes.m", (("resource.s", "a=b"),), 3)
    assert asked.project_id == run.project.id
    answer = await client.get(f"/api/v1/metrics/exemplars?{OF}&group_by=attributes.m&where=resource.s=a%3Db")
    assert answer.json() == {"items": [], "total": 0}
    assert run.store.asked[-1] == msgspec.structs.replace(asked, top=10)
    assert (await client.get("/api/v1/metrics")).json() == {"items": [], "more": False}
    assert (await client.get(f"/api/v1/metrics/values?{OF}&attribute=attributes.m")).json() == {"items": []}
    assert run.store.asked[-1][1].group_by == "attributes.m"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("kind=gauge", "name"), ("name=a", "kind"), ("name=a&kind=other", "kind"), (f"{OF}&top=0", "top"),
        (f"{OF}&where=plain", "where"), (f"{OF}&top=51", "top"),
        (OF + "&where=attributes.a=b" * 11, "where"),
    ],
)  # fmt: skip
async def test_what_names_no_metric_is_refused(run: Running, query: str, param: str) -> None:
    client = run.client(await run.key(Permission.READ))
    answer = await client.get(f"/api/v1/metrics/figures?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, param)
