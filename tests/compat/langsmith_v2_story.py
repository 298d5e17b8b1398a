"""Runs in another environment, with the newest of LangSmith's SDKs: what it reads with version 2 of the API.

Only the SDK itself is there. `python -m tests.compat.langsmith_v2_story URL KEY send|read RUN RUN RUN RUN [EXPERIMENT]`
"""

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from langsmith import Client
from langsmith.evaluation import evaluate

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
LATER = timedelta(seconds=1)
FIELDS = ["ID", "NAME", "RUN_TYPE", "STATUS", "INPUTS", "OUTPUTS", "PARENT_RUN_IDS", "TRACE_ID", "THREAD_ID", "IS_ROOT",
          "TOTAL_TOKENS", "TOTAL_COST",
          "PROMPT_COST", "PROMPT_TOKEN_DETAILS", "TAGS", "METADATA", "ERROR", "LATENCY_SECONDS"]  # fmt: skip


class Warned(logging.Handler):
    """Keeps what the SDK warns about."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(record.getMessage())


def send(client: Client, runs: list[str], begun: datetime) -> dict[str, Any]:
    first, child, second, alone = runs

    def run(run_id: str, name: str, second_s: int, thread: str, **more: Any) -> None:
        started = begun + timedelta(seconds=second_s)
        order = f"{started:%Y%m%dT%H%M%S000000}Z{run_id}"
        extra = {"metadata": {"thread_id": thread}} if thread else {}
        values = {
            "run_type": "chain", "trace_id": run_id, "dotted_order": order, "extra": extra, "start_time": started,
            "end_time": started + timedelta(seconds=2), "project_name": "shop", **more,
        }  # fmt: skip
        client.create_run(name, {"q": name}, id=run_id, **values)

    run(first, "first", 0, "t-1", tags=["vip"], outputs={"a": 1}, attachments={"photo": ("image/png", PICTURE)})
    order = f"{begun:%Y%m%dT%H%M%S000000}Z{first}.{begun + LATER:%Y%m%dT%H%M%S000000}Z{child}"
    usage = {
        "input_tokens": 10,
        "output_tokens": 4,
        "total_tokens": 14,
        "total_cost": 0.25,
        "input_cost": 0.1,
        "output_cost": 0.15,
    }
    run(
        child, "call", 1, "t-1", end_time=begun + 2 * LATER, run_type="llm", trace_id=first, parent_run_id=first,
        dotted_order=order,
        outputs={"usage_metadata": {**usage, "input_token_details": {"cache_read": 3}}},
    )  # fmt: skip
    run(second, "second", 60, "t-1", error="ValueError('bad')")
    run(alone, "alone", 120, "")
    client.create_feedback(first, "quality", score=0.5, comment="fine", trace_id=first)
    made = client.create_dataset("numbers")
    client.create_examples(dataset_id=made.id, inputs=[{"n": 1}, {"n": 2}], outputs=[{"n": 2}, {"n": 5}])
    results = evaluate(
        lambda inputs: {"n": inputs["n"] * 2}, data="numbers", client=client, experiment_prefix="twice",
        evaluators=[lambda run, example: {"key": "right", "score": run.outputs == example.outputs}],
    )  # fmt: skip
    client.tracing_queue.join()
    client.flush()
    return {"experiment": results.experiment_name}


async def listed(pages: Any) -> list[Any]:
    return [one async for one in pages]


async def of_runs(client: Any, runs: list[str], project: str, begun: datetime) -> dict[str, Any]:
    found = await listed(client.runs.query(project_ids=[project], selects=FIELDS, page_size=3))
    first = await client.runs.retrieve(runs[0], project_id=project, selects=["ATTACHMENTS", "FEEDBACK_STATS", "ID"])
    call = next(one for one in found if one.name == "call")
    quality = first.feedback_stats["quality"]
    streamed = client.runs.streaming.query_v2_items(project_ids=[project], selects=["NAME"], page_size=3)

    async def names(**asked: Any) -> list[str]:
        return [one.name for one in await listed(client.runs.query(project_ids=[project], selects=["NAME"], **asked))]

    return {
        "runs": [[one.name, one.run_type, one.status, one.is_root, one.thread_id] for one in found],
        "call": [call.parent_run_ids, call.trace_id, call.total_tokens, call.total_cost, call.prompt_cost,
                 call.prompt_token_details.raw, call.inputs],
        "first": [list(first.attachments), quality.n, quality.avg, quality.comments, first.name],
        "plain": [one.name for one in await listed(client.runs.query(project_ids=[project]))],
        "filters": [
            await names(filter='has(tags, "vip")'), await names(has_error=True), await names(run_type="LLM"),
            await names(is_root=False), await names(trace_id=runs[0]), await names(ids=[runs[3]]),
            await names(max_start_time=begun + timedelta(seconds=59), is_root=True),
            await names(min_start_time=datetime.now(UTC)), await names(tree_filter='eq(run_type, "llm")'),
        ],
        "streamed": [one.name for one in await listed(streamed)],
        "url": (await client.runs.get_url(runs[0], project_id=project, trace_id=runs[0])).url.rpartition("?")[0],
    }  # fmt: skip


async def of_traces(client: Any, runs: list[str], project: str, begun: datetime) -> dict[str, Any]:
    fields = ["NAME", "TOTAL_TOKENS", "TOTAL_COST"]
    traces = await listed(client.traces.query(project_id=project, selects=fields, page_size=2))
    some = await listed(client.traces.query(project_id=project, trace_ids=[runs[2]], trace_filter="neq(error, null)"))
    inside = await client.traces.list_runs(runs[0], project_id=project, selects=["NAME"])
    calls = await client.traces.list_runs(
        runs[0],
        project_id=project,
        filter='eq(run_type, "llm")',
        min_start_time=begun + LATER,
        max_start_time=begun + LATER,
    )
    return {
        "traces": [
            [one.root_run.name, one.trace_aggregates.total_tokens, one.trace_aggregates.total_cost] for one in traces
        ],
        "some": [[one.root_run.id, one.root_run.name, one.trace_aggregates] for one in some],
        "inside": [one.name for one in inside.items],
        "calls": [one.id for one in calls.items],
    }


async def of_threads(client: Any, runs: list[str], project: str, begun: datetime) -> dict[str, Any]:
    threads = await listed(client.threads.query(project_id=project))
    (one,) = threads
    failed = await listed(client.threads.query(project_id=project, filter="neq(error, null)"))
    none = await listed(client.threads.query(project_id=project, tree_filter='eq(run_type, "tool")'))
    chosen = [
        len(await listed(client.threads.query(project_id=project, thread_filter=one)))
        for one in ("and(eq(turns, 2), gt(total_tokens, 10))", "gt(count, 2)")
    ]
    few = await client.threads.aggregate_stats(
        project_id=project, select=["THREAD_COUNT", "TOTAL_TOKENS"], thread_filter="lt(latency_p50, 1)"
    )
    traces = await listed(
        client.threads.list_traces("t-1", project_id=project, page_size=1, selects=["NAME", "LATENCY", "THREAD_ID"])
    )
    stats = await client.threads.stats(
        "t-1", session_id=project,
        selects=["TURNS", "TOTAL_TOKENS", "TOTAL_COST", "LATENCY_P50", "FIRST_START_TIME", "LAST_END_TIME",
                 "FEEDBACK_STATS"],
    )  # fmt: skip
    every = await client.threads.aggregate_stats(
        project_id=project, select=["THREAD_COUNT", "TRACE_COUNT", "ERROR_RATE", "TOTAL_TOKENS", "LATENCY_P99",
                                    "MEDIAN_TOKENS", "PROMPT_TOKENS", "COMPLETION_TOKENS", "TOTAL_COST"],
    )  # fmt: skip
    return {
        "thread": [one.thread_id, one.count, one.num_errored_turns, one.total_tokens, one.total_cost],
        "ends": [one.first_trace_id == runs[0], one.last_trace_id == runs[2], "first" in one.first_inputs],
        "last": [one.last_error, one.latency_p50, one.total_token_details],
        "found": [len(failed), len(none), *chosen, few.thread_count, few.total_tokens],
        "traces": [[trace.name, trace.latency, trace.thread_id, trace.trace_id in runs] for trace in traces],
        "stats": [stats.turns, stats.total_tokens, stats.total_cost, stats.latency_p50_seconds,
                  stats.feedback_stats["quality"].avg],
        "times": [stats.first_start_time == begun, stats.last_end_time == begun + timedelta(seconds=62)],
        "every": [every.thread_count, every.trace_count, every.error_rate, every.total_tokens, every.total_cost,
                  every.latency_p99_seconds, every.prompt_tokens, every.completion_tokens, every.streaming_rate],
    }  # fmt: skip


async def of_sessions(client: Any, experiment: str) -> dict[str, Any]:
    every = await listed(client.sessions.list_v2(page_size=1))
    (named,) = await listed(client.sessions.list_v2(name=experiment, include_stats=True))
    shop = next(one for one in every if one.name == "shop")
    found = await client.sessions.retrieve_v2(shop.id, include_stats=True)
    resolved = await client.sessions.resolve(kind="EXPERIMENT", id=named.id)
    dataset = named.reference_dataset_id
    results = await listed(
        client.datasets.experiment_runs.query(
            dataset, experiment_ids=[named.id], selects=["OUTPUTS", "FEEDBACK_STATS", "REFERENCE_DATASET_ID"],
            page_size=1,
        )
    )  # fmt: skip
    of_dataset = await listed(
        client.runs.query(reference_dataset_id=dataset, is_root=True, selects=["IS_IN_DATASET", "PROJECT_ID"])
    )
    return {
        "every": [[one.name == experiment, one.type] for one in every],
        "named": [named.type, named.run_count, named.feedback_stats["right"].n],
        "shop": [found.name, found.type, found.run_count, found.total_tokens, found.total_cost],
        "resolved": resolved.session_id == named.id,
        "of dataset": [[one.is_in_dataset, one.project_id == named.id] for one in of_dataset],
        "results": sorted(
            [one.inputs["n"], one.outputs["n"], one.runs[0].outputs["n"], one.runs[0].feedback_stats["right"].avg,
             one.runs[0].reference_dataset_id == dataset]
            for one in results
        ),
    }  # fmt: skip


def main(url: str, key: str, what: str, *rest: str) -> None:
    warned = Warned()
    logging.getLogger("langsmith").addHandler(warned)
    client = Client(api_url=url, api_key=key)
    runs = list(rest[:4])
    if what == "send":
        half_an_hour_ago = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
        sys.stdout.write(json.dumps(send(client, runs, half_an_hour_ago)))
        return

    async def read() -> dict[str, Any]:
        project = str(client.read_project(project_name="shop").id)
        first = await client.runs.retrieve(runs[0], project_id=project, selects=["START_TIME"])
        asked = client, runs, project, first.start_time
        return {
            "runs": await of_runs(*asked), "traces": await of_traces(*asked), "threads": await of_threads(*asked),
            "sessions": await of_sessions(client, rest[4]),
        }  # fmt: skip

    sys.stdout.write(json.dumps({**asyncio.run(read()), "warned": warned.told}, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
