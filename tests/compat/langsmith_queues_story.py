"""Runs in another environment, with one of LangSmith's SDKs: annotation queues, filled, worked off and deleted.

Only the SDK itself is there. `python -m tests.compat.langsmith_queues_story URL KEY send|queue RUN RUN RUN`
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID, uuid4

from langsmith import Client
from langsmith.utils import LangSmithError, LangSmithNotFoundError

VERSION = tuple(int(part) for part in version("langsmith").split(".")[:2])
STARTED = datetime(2026, 11, 28, 15, 24, 53, tzinfo=UTC)
RUBRIC = [{"feedback_key": "right", "description": "Is it?", "is_required": True, "value_descriptions": {"1": "yes"}}]


def send(client: Client, runs: list[str]) -> dict[str, Any]:
    for number, run in enumerate(runs):
        client.create_run(
            f"n{number}", {"number": number}, "chain", id=run, trace_id=run, project_name="shop", start_time=STARTED,
            end_time=STARTED, outputs={"a": number}, dotted_order=f"20261128T152453000000Z{run}",
        )  # fmt: skip
    if client.tracing_queue is not None:
        client.tracing_queue.join()
    if hasattr(client, "flush"):
        client.flush()
    return {}


def queue(client: Client, runs: list[str]) -> dict[str, Any]:
    more = {"rubric_items": RUBRIC} if VERSION >= (0, 8) else {}
    made = client.create_annotation_queue(
        name="night", description="d", queue_id=uuid4(), rubric_instructions="look", **more
    )
    client.update_annotation_queue(made.id, name="day")
    read = client.read_annotation_queue(made.id)
    told: dict[str, Any] = {
        "read": [read.name, read.description, getattr(read, "rubric_instructions", "look")],
        "rubric": (getattr(read, "rubric_items", None) or [None])[0],
        "listed": [
            [one.name for one in client.list_annotation_queues(**asked)]
            for asked in ({}, {"name": "day"}, {"name_contains": "A"}, {"name": "night"}, {"queue_ids": [made.id]})
        ],
    }
    client.add_runs_to_annotation_queue(made.id, run_ids=runs[:2])
    client.add_runs_to_annotation_queue(made.id, run_ids=runs)
    first = client.get_run_from_annotation_queue(made.id, index=0)
    told["first"] = [str(first.id), first.name, first.inputs, first.outputs, first.added_at is not None]
    client.delete_run_from_annotation_queue(made.id, run_id=runs[1])
    told["left"] = [str(client.get_run_from_annotation_queue(made.id, index=place).id) for place in (0, 1)]
    told["errors"] = [
        _error(lambda: client.get_run_from_annotation_queue(made.id, index=2)),
        _error(lambda: client.delete_run_from_annotation_queue(made.id, run_id=runs[1])),
        _error(lambda: client.add_runs_to_annotation_queue(made.id, run_ids=[uuid4()])),
        _error(lambda: client.read_annotation_queue(uuid4())),
    ]
    if hasattr(client, "list_runs_from_annotation_queue"):
        told["all"] = [
            [one.name for one in client.list_runs_from_annotation_queue(made.id, **asked)]
            for asked in ({}, {"limit": 1}, {"status": "needs_my_review"}, {"status": "completed"})
        ]
    if hasattr(client, "annotation_queues"):
        told["newer"] = asyncio.run(newer(client, str(made.id), runs))
    client.delete_annotation_queue(made.id)
    told["gone"] = list(client.list_annotation_queues())
    return told


async def newer(client: Any, queue_id: str, runs: list[str]) -> dict[str, Any]:
    queues = client.annotation_queues
    client.add_runs_to_annotation_queue(
        queue_id, runs=[{"run_id": runs[1], "session_id": uuid4(), "start_time": STARTED}]
    )
    added = await queues.items.create(
        queue_id,
        items=[
            {"item_type": "RUN", "run_id": runs[0], "project_id": str(uuid4()), "start_time": STARTED},
            {"item_type": "THREAD", "thread_id": "t-1", "project_id": str(uuid4())},
        ],
    )
    item = added.items[0].id
    done = await queues.items.create_status(item, status="completed")
    waiting = [one async for one in queues.items.list(queue_id, status="needs_my_review", page_size=1)]
    archived = [one async for one in queues.items.list(queue_id, status="archived")]
    told = {
        "added": [[one.item_type, one.run_id, one.thread_id] for one in added.items],
        "done": [done.is_archived, done.status],
        "waiting": [one.run_id or one.thread_id for one in waiting],
        "archived": [[one.run_id, one.last_reviewed_time is not None] for one in archived],
        "counts": [(await queues.items.retrieve_count(queue_id, status=one)).count for one in ("all", "archived")],
        "queues": [one.name for one in await queues.retrieve_queues(runs[2])],
        "listed": [[one.name, one.total_runs] async for one in queues.retrieve_annotation_queues(limit=1)],
    }
    placed = await queues.items.retrieve_placement(waiting[1].id, queue_id=queue_id)
    told["placed"] = [placed.section, placed.position]
    await queues.items.delete_all(queue_id, item_ids=[waiting[0].id])
    await queues.update(
        queue_id, metadata={"a": 1}, rubric_items=[{"feedback_key": "right"}], num_reviewers_per_item=2,
        enable_reservations=True, reservation_minutes=3,
    )  # fmt: skip
    read = await queues.retrieve(queue_id)
    (again,) = [one async for one in queues.items.list(queue_id, status="needs_others_review")]
    told["several"] = [
        read.num_reviewers_per_item,
        read.enable_reservations,
        read.reservation_minutes,
        again.run_id,
        len(again.completed_by),
    ]
    told["changed"] = [read.metadata, read.rubric_items[0].feedback_key, read.rubric_items[0].description]
    told["left"] = (await queues.items.retrieve_count(queue_id, status="all")).count
    return told


def _error(call: Any) -> str:
    try:
        call()
    except LangSmithNotFoundError:
        return "not found"
    except LangSmithError as error:
        return str(error)
    return ""


def main(url: str, key: str, what: str, *runs: str) -> None:
    client = Client(api_url=url, api_key=key)
    for run in runs:
        UUID(run)
    told = send(client, list(runs)) if what == "send" else queue(client, list(runs))
    sys.stdout.write(json.dumps(told, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
