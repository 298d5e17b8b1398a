"""Runs in another environment, with one of LangSmith's SDKs: sends runs with files, or reads them back.

Only the SDK itself is there. `python -m tests.compat.langsmith_reads_story URL KEY send|read RUN DATASET`
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from langsmith import Client
from langsmith.evaluation import evaluate

STARTED = datetime(2026, 11, 28, 15, 24, 53, tzinfo=UTC)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def send(client: Client, run_id: str) -> dict[str, Any]:
    client.create_run(
        "ask", {"question": "refund?"}, "chain", id=run_id, trace_id=run_id, project_name="shop",
        dotted_order=f"20261128T152453000000Z{run_id}", start_time=STARTED,
        attachments={"picture": ("image/png", PICTURE)}, tags=["vip"], extra={"metadata": {"plan": "pro"}},
    )  # fmt: skip
    client.update_run(
        run_id, outputs={"answer": "yes"}, end_time=STARTED + timedelta(seconds=2), trace_id=run_id,
        dotted_order=f"20261128T152453000000Z{run_id}",
    )  # fmt: skip
    client.create_feedback(run_id, "quality", score=0.5, trace_id=run_id)
    now = datetime.now(UTC)
    for place, thread in enumerate(("t-1", "t-2", "t-1")):
        turn, started = str(uuid4()), now + timedelta(seconds=place)
        client.create_run(
            f"turn{place}", {"place": place}, "chain", id=turn, trace_id=turn, project_name="talk", start_time=started,
            end_time=started, outputs={"answer": place}, dotted_order=f"{started:%Y%m%dT%H%M%S%f}Z{turn}",
            extra={"metadata": {"thread_id": thread}}, error="oh" if place else None,
        )  # fmt: skip
    made = client.create_dataset("numbers")
    client.create_examples(dataset_id=made.id, inputs=[{"n": 1}, {"n": 2}], outputs=[{"n": 2}, {"n": 4}])
    results = evaluate(
        lambda inputs: {"n": inputs["n"] * 2}, data="numbers", client=client, experiment_prefix="twice",
        evaluators=[lambda run, example: {"key": "right", "score": run.outputs == example.outputs}],
    )  # fmt: skip
    _flush(client)
    return {"experiment": results.experiment_name, "dataset": str(made.id)}


def read(client: Client, run_id: str, experiment: str) -> dict[str, Any]:
    found = client.read_run(run_id)
    asked = ['and(has(tags, "vip"), gt(latency, 1))', 'and(eq(feedback_key, "quality"), lt(feedback_score, 0.4))',
             'and(eq(metadata_key, "plan"), eq(metadata_value, "pro"))']  # fmt: skip
    held = next(iter(client.list_feedback(run_ids=[run_id])))
    client.update_feedback(held.id, score=0.75)
    token = client.create_presigned_feedback_token(run_id, "thumb")
    client.create_feedback_from_token(token.url, score=1)
    told = {
        "outputs": found.outputs,
        "found": [len(list(client.list_runs(project_name="shop", filter=one))) for one in asked],
        "feedback": [held.key, held.score, client.read_feedback(held.id).key],
        "tokens": len(list(client.list_presigned_feedback_tokens(run_id))),
    }
    if hasattr(found, "attachments") and found.attachments:
        told["same"] = found.attachments["picture"]["reader"].read() == PICTURE
    if hasattr(client, "read_thread"):
        asked = {"project_name": "talk", "thread_id": "t-1"}
        threads = client.list_threads(project_name="talk")
        told["threads"] = {
            "one": [one.name for one in client.read_thread(**asked)],
            "some": [one.name for one in client.read_thread(**asked, filter="neq(error, null)", order="desc")],
            "all": [[one["thread_id"], one["count"], [run.name for run in one["runs"]]] for one in threads],
            "paged": [one["thread_id"] for one in client.list_threads(project_name="talk", offset=1, limit=1)],
            "failed": [one["count"] for one in client.list_threads(project_name="talk", filter="neq(error, null)")],
        }
    if hasattr(client, "get_experiment_results"):
        results = client.get_experiment_results(name=experiment)
        rows = list(results["examples_with_runs"])
        told["results"] = {
            "runs": results["run_stats"]["run_count"],
            "right": results["feedback_stats"]["right"]["n"],
            "rows": sorted([one.inputs["n"], one.runs[0].outputs["n"]] for one in rows),
        }
    return told


def _flush(client: Client) -> None:
    if client.tracing_queue is not None:
        client.tracing_queue.join()
    if hasattr(client, "flush"):
        client.flush()


def main(url: str, key: str, what: str, run_id: str, experiment: str = "") -> None:
    client = Client(api_url=url, api_key=key)
    told = send(client, run_id) if what == "send" else read(client, run_id, experiment)
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
