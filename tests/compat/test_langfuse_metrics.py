"""Figures over Langfuse's API: what is counted, by what, of what; and what is refused."""

import json
from typing import Any

import pytest

from tests.compat.pipeline import Pipeline
from tests.compat.test_langfuse_reads import MINUTE, event, sdk
from tests.server.harness import Client

DAY = {"fromTimestamp": "2026-11-28T00:00:00Z", "toTimestamp": "2026-11-29T00:00:00Z"}


async def filled(line: Pipeline) -> Client:
    """Return a client after four calls of two models in four traces of two users were sent, and a score of each."""
    batch: list[dict[str, Any]] = []
    for number in range(4):
        trace = f"t{number}"
        usage = {"input": 10, "output": number, "total": 10 + number}
        batch += [
            event("trace-create", number, id=trace, timestamp=MINUTE.format(number), name="ask",
                  userId=f"u{number % 2}"),
            event("generation-create", number, id=f"g{number}", traceId=trace, name="call",
                  model="gpt-4o" if number else "gpt-4o-mini", startTime=MINUTE.format(number),
                  endTime=MINUTE.format(number + number), usageDetails=usage, costDetails={"total": 0.25}),
            event("score-create", number, id=f"s{number}", traceId=trace, name="ok", value=number,
                  timestamp=MINUTE.format(number)),
        ]  # fmt: skip
    client = await sdk(line)
    assert (await client.post("/api/public/ingestion", json={"batch": batch})).json()["errors"] == []
    await line.drain()
    return client


def query(view: str, *metrics: tuple[str, str], **more: Any) -> dict[str, str]:
    asked = [{"measure": name, "aggregation": function} for name, function in metrics]
    return {"query": json.dumps({"view": view, "metrics": asked, **DAY, **more})}


async def rows(client: Client, view: str, *metrics: tuple[str, str], version: str = "v2/", **more: Any) -> list[Any]:
    answer = await client.get(f"/api/public/{version}metrics", params=query(view, *metrics, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_figures_of_observations_traces_and_scores(line: Pipeline) -> None:
    client = await filled(line)
    models = await rows(
        client, "observations", ("count", "count"), ("totalCost", "sum"), ("inputTokens", "sum"),
        dimensions=[{"field": "providedModelName"}],
    )  # fmt: skip
    assert models == [
        {"providedModelName": "gpt-4o", "count_count": 3, "sum_totalCost": 0.75, "sum_inputTokens": 30},
        {"providedModelName": "gpt-4o-mini", "count_count": 1, "sum_totalCost": 0.25, "sum_inputTokens": 10},
    ]
    one_user = [{"column": "userId", "operator": "=", "value": "u1", "type": "string"}]
    assert await rows(client, "observations", ("outputTokens", "max"), filters=one_user) == [{"max_outputTokens": 3}]
    kinds = await rows(client, "observations", ("count", "count"), dimensions=[{"field": "type"}])
    assert kinds == [{"type": "GENERATION", "count_count": 4}]
    hours = await rows(client, "observations", ("latency", "p75"), timeDimension={"granularity": "hour"})
    assert [row["time_dimension"] for row in hours] == ["2026-11-28T15:00:00Z"]
    # between the two calls that it lies between
    assert 120_000 <= hours[0]["p75_latency"] <= 180_000
    users = await rows(
        client, "traces", ("count", "count"), dimensions=[{"field": "userId"}], version="",
        orderBy=[{"field": "userId", "direction": "asc"}],
    )  # fmt: skip
    assert users == [{"userId": "u0", "count_count": 2}, {"userId": "u1", "count_count": 2}]
    names = [{"column": "name", "operator": "any of", "value": ["ok"], "type": "stringOptions"}]
    assert await rows(client, "scores-numeric", ("value", "avg"), filters=names) == [{"avg_value": 1.5}]
    mine = [{"column": "userId", "operator": "=", "value": "u0", "type": "string"}]
    assert await rows(client, "scores-numeric", ("value", "max"), filters=mine) == [{"max_value": 2.0}]
    assert await rows(client, "scores-categorical", ("count", "count")) == [{"count_count": 0}]
    twice = await rows(client, "observations", ("count", "count"), ("latency", "count"))
    assert twice == [{"count_count": 4, "count_latency": 4}]


async def test_figures_by_day(line: Pipeline) -> None:
    client = await filled(line)
    found = (await client.get("/api/public/metrics/daily")).json()
    (day,) = found["data"]
    assert (day["date"], day["countTraces"], day["countObservations"], day["totalCost"]) == ("2026-11-28", 4, 4, 1.0)
    assert {one["model"]: (one["inputUsage"], one["countTraces"]) for one in day["usage"]} == {
        "gpt-4o": (30, 3), "gpt-4o-mini": (10, 1),
    }  # fmt: skip
    assert (await client.get("/api/public/metrics/daily", params={"traceName": "other"})).json()["data"] == []


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"query": "x"}, query("spans", ("count", "count")), query("observations"),
        query("observations", ("latency", "histogram")), query("observations", ("shoe", "sum")),
        query("observations", ("count", "count"), dimensions=[{"field": "id"}]),
        query("observations", ("count", "count"), timeDimension={"granularity": "month"}),
        query("observations", ("count", "count"), fromTimestamp="soon"),
        query("observations", ("count", "count"), fromTimestamp="2026-11-30T00:00:00Z"),
        query("scores-numeric", ("count", "count"), filters=[{"column": "shoe", "operator": "=", "value": "x"}]),
        query("scores-numeric", ("count", "count"), filters=[{"column": "name", "operator": "<>", "value": "x"}]),
        query("observations", ("count", "count"), orderBy=[{"field": "name"}]),
    ],
)  # fmt: skip
async def test_figures_that_there_are_not_are_refused(line: Pipeline, asked: dict[str, str]) -> None:
    assert (await (await sdk(line)).get("/api/public/v2/metrics", params=asked)).status_code == 400
