"""Anthropic's Message Batches as its documentation tells them."""

import re
from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import batches, render_anthropic
from pilothouse.providers.fake.batches import BatchScript, Desk, Job, Line, Outcome, document
from pilothouse.providers.fake.http import Reaction, Request

render_error = render_anthropic.answer
"""How errors are put."""
_KEY = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MADE = "2025-01-01T00:00:00Z"
_UNRUN = {"expired": "expired", "cancelled": "canceled"}

_Object = dict[str, Any]


class _Item(msgspec.Struct):
    custom_id: str
    params: msgspec.Raw


class _Create(msgspec.Struct):
    requests: list[_Item]


_CREATE = msgspec.json.Decoder(_Create)


def create(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Take a batch."""
    del found
    if not request.header(b"anthropic-version"):
        raise SettingsInvalid("anthropic-version: header is required")
    items = _CREATE.decode(request.body).requests
    if not items or len({item.custom_id for item in items}) < len(items):
        raise SettingsInvalid("requests: there has to be one, and each custom_id is unique")
    if not all(_KEY.fullmatch(item.custom_id) for item in items):
        raise SettingsInvalid("requests: custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")
    headers = tuple(item for item in request.headers if item[0] in (b"x-api-key", b"anthropic-version"))
    lines = [Line(item.custom_id, Request("POST", "/v1/messages", headers, bytes(item.params))) for item in items]
    job = Job(id="msgbatch_fake", owner="", vendor="anthropic", lines=lines, script=BatchScript(), told={})
    return desk.create(request, job, lambda made: document(_batch(made, _url(request, made))), render_error)


def listed(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """List the batches of a key, newest first, or a page before or after one."""
    del found
    asked = batches.query(request)
    items = [_batch(job, _url(request, job)) for job in desk.listed(request, "anthropic")]
    before, after = asked.get("before_id"), asked.get("after_id")
    if before:
        items.reverse()
    anchor = before or after
    shown, more = batches.page(items, asked.get("limit", "20"), (lambda item: item["id"] == anchor) if anchor else None)
    if before:
        shown.reverse()
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    return document({"data": shown, "has_more": more, "first_id": first, "last_id": last})


def job(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Look at a batch, cancel or delete it, or give its results."""
    kept = desk.find(request, "anthropic", found[1])
    if kept is None:
        return batches.refuse(404, f"Message batch not found: {found[1]}", render_error)
    if found[2] == "/results":
        return _results(desk, kept)
    if found[2] == "/cancel":
        if kept.ending is not None:
            return batches.refuse(400, "The batch has ended and cannot be canceled.", render_error)
        kept.cancelling = True
    elif request.method == "DELETE":
        if kept.ending is None:
            return batches.refuse(400, "The batch is in progress and cannot be deleted.", render_error)
        desk.jobs.remove(kept)
        return document({"id": kept.id, "type": "message_batch_deleted"})
    else:
        instead = desk.look(kept, render_error, _finish)
        if instead is not None:
            return instead
    return document(_batch(kept, _url(request, kept)))


def _finish(done: Job) -> None:
    # There is no failed batch: every line has a result of its own.
    if done.ending == "failed":
        done.ending = "ended"


def _results(desk: Desk, kept: Job) -> Reaction:
    if kept.ending is None:
        return batches.refuse(404, "Results are not available before the batch has ended.", render_error)
    return desk.download(kept, batches.jsonl(_outcome(kept, outcome) for outcome in kept.outcomes))


def _outcome(kept: Job, outcome: Outcome) -> _Object:
    if outcome.status == 0:
        result: _Object = {"type": _UNRUN.get(kept.ending or "", "expired")}
    elif outcome.status < 400:
        message = msgspec.json.decode(outcome.body, type=_Object)
        if "usage" in message:
            message["usage"]["service_tier"] = "batch"
        result = {"type": "succeeded", "message": message}
    else:
        result = {"type": "errored", "error": msgspec.Raw(outcome.body)}
    return {"custom_id": outcome.key, "result": result}


def _url(request: Request, kept: Job) -> str:
    return f"http://{request.header(b'host').decode()}/v1/messages/batches/{kept.id}/results"


def _batch(kept: Job, url: str) -> _Object:
    ended = kept.ending is not None
    unrun = kept.count(lambda outcome: outcome.status == 0)
    return {
        "id": kept.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "canceling" if kept.cancelling else "in_progress",
        "request_counts": {
            "processing": 0 if ended else len(kept.lines),
            "succeeded": kept.count(lambda outcome: 0 < outcome.status < 400),
            "errored": kept.count(lambda outcome: outcome.status >= 400),
            "canceled": unrun if kept.ending == "cancelled" else 0,
            "expired": unrun if kept.ending == "expired" else 0,
        },
        "ended_at": _MADE if ended else None,
        "created_at": _MADE,
        "expires_at": "2025-01-02T00:00:00Z",
        "archived_at": None,
        "cancel_initiated_at": _MADE if kept.cancelling else None,
        "results_url": url if ended else None,
    }
