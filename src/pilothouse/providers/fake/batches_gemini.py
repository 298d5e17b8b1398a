"""Google's batches of Gemini calls and its files, as its documentation tells them."""

import re
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import batches, render_gemini
from pilothouse.providers.fake.batches import BatchScript, Desk, File, Job, Line, Outcome, document
from pilothouse.providers.fake.http import Reaction, Request

render_error = render_gemini.answer
"""How errors are put."""
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main."
_MADE = "2025-01-01T00:00:00Z"
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 429: 8, 499: 1, 500: 13, 503: 14, 504: 4}
_STATES = {"ended": "SUCCEEDED", "failed": "FAILED", "expired": "EXPIRED", "cancelled": "CANCELLED"}
_VERBS = {"batchGenerateContent": "generateContent", "asyncBatchEmbedContent": "embedContent"}

_Object = dict[str, Any]


class _Item(msgspec.Struct):
    request: msgspec.Raw
    key: str = ""
    metadata: _Object = {}


class _Items(msgspec.Struct):
    requests: list[_Item]


class _Input(msgspec.Struct):
    requests: _Items | None = None
    camel: str = msgspec.field(default="", name="fileName")
    snake: str = msgspec.field(default="", name="file_name")
    """Google takes the names of fields in both spellings."""


class _Wanted(msgspec.Struct, rename="camel"):
    input_config: _Input
    display_name: str = ""


class _Create(msgspec.Struct):
    batch: _Wanted


_CREATE = msgspec.json.Decoder(_Create)
_ITEM = msgspec.json.Decoder(_Item)


def create(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Take a batch with its requests in it, or in a file."""
    model, verb = unquote(found[1]), found[2]
    wanted = _CREATE.decode(request.body).batch
    source = wanted.input_config
    named = source.camel or source.snake
    if named:
        kept = desk.file(request, named)
        if kept is None:
            return batches.refuse(404, f"File {named} not found.", render_error)
        items = [_ITEM.decode(raw) for raw in kept.body.split(b"\n") if raw.strip()]
    else:
        items = source.requests.requests if source.requests is not None else []
    if not items or not wanted.display_name:
        raise SettingsInvalid("* BatchGenerateContentRequest.batch: requests and display_name are required.")
    target = f"/v1beta/models/{quote(model)}:{_VERBS[verb]}"
    lines = [
        Line(item.key or str(item.metadata.get("key", place)), Request("POST", target, (), bytes(item.request)))
        for place, item in enumerate(items)
    ]
    told: _Object = {"model": f"models/{model}", "displayName": wanted.display_name, "file": named, "verb": verb}
    job = Job(id="batches/fake", owner="", vendor="gemini", lines=lines, script=BatchScript(), told=told)
    return desk.create(request, job, lambda made: document(_operation(made)), render_error)


def listed(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """List the batches of a key, newest first."""
    del found
    asked = batches.query(request)
    items = [_operation(job) for job in desk.listed(request, "gemini")]
    token = asked.get("pageToken")
    shown, more = batches.page(
        items, asked.get("pageSize", "50"), (lambda item: item["name"] == token) if token else None
    )
    return document({"operations": shown} | ({"nextPageToken": shown[-1]["name"]} if more else {}))


def job(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Look at a batch, cancel or delete it."""
    kept = desk.find(request, "gemini", found[1])
    if kept is None:
        return batches.refuse(404, f"Batch {found[1]} not found.", render_error)
    if found[2]:
        kept.cancelling = kept.cancelling or kept.ending is None
        return document({})
    if request.method == "DELETE":
        desk.jobs.remove(kept)
        return document({})
    return desk.look(kept, render_error, lambda done: _finish(desk, done)) or document(_operation(kept))


def upload(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Begin an upload, or take a piece of one."""
    del found
    command = request.header(b"x-goog-upload-command").decode()
    if command == "start":
        identity = f"files/fake{len(desk.files) + 1}"
        kind = request.header(b"x-goog-upload-header-content-type").decode()
        desk.files[identity] = File(identity, batches.owner(request), "", kind, b"")
        url = f"http://{request.header(b'host').decode()}/upload/v1beta/files?upload_id={identity.partition('/')[2]}"
        return document({}, (("x-goog-upload-url", url), ("x-goog-upload-status", "active")))
    kept = desk.files.get(f"files/{batches.query(request).get('upload_id', '')}")
    if kept is None or request.header(b"x-goog-upload-offset") != b"%d" % len(kept.body):
        raise SettingsInvalid("There is no such upload, or it is at another offset.")
    kept = desk.files[kept.id] = msgspec.structs.replace(kept, body=kept.body + request.body)
    if "finalize" not in command:
        return document({}, (("x-goog-upload-status", "active"),))
    return document({"file": _file(kept)}, (("x-goog-upload-status", "final"),))


def file(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Return, download or delete a file; those that were uploaded cannot be downloaded."""
    kept = desk.file(request, found[1])
    if kept is None or (found[2] and kept.job is None):
        return batches.refuse(403, f"You do not have permission to access the File {found[1]}.", render_error)
    if found[2]:
        return desk.download(kept.job, kept.body)
    if request.method == "DELETE":
        del desk.files[kept.id]
        return document({})
    return document(_file(kept))


def _finish(desk: Desk, done: Job) -> None:
    # Of batches that expired or were cancelled nothing can be fetched.
    if done.ending != "ended":
        return
    if done.told["file"] and not done.script.inline:
        body = batches.jsonl({"key": outcome.key, **_outcome(outcome)} for outcome in done.outcomes)
        done.results["responsesFile"] = desk.keep(done, "files/batch-fake", "", batches.JSONL, body)
        return
    told = [
        _outcome(outcome) | ({} if done.script.bare else {"metadata": {"key": outcome.key}})
        for outcome in done.outcomes
    ]
    done.results["inlinedResponses"] = {"inlinedResponses": told}


def _outcome(outcome: Outcome) -> _Object:
    if outcome.status < 400:
        return {"response": msgspec.Raw(outcome.body)}
    error = msgspec.json.decode(outcome.body, type=_Object)["error"]
    return {"error": {"code": _CODES.get(outcome.status, 2), "message": error["message"]}}


def _operation(kept: Job) -> _Object:
    kind = "GenerateContentBatch" if kept.told["verb"] == "batchGenerateContent" else "EmbedContentBatch"
    state = _STATES[kept.ending] if kept.ending is not None else "RUNNING" if kept.looks else "PENDING"
    fine = kept.count(lambda outcome: 0 < outcome.status < 400)
    bad = kept.count(lambda outcome: outcome.status >= 400)
    told: _Object = {
        "@type": _TYPE + kind,
        "model": kept.told["model"],
        "displayName": kept.told["displayName"],
        "inputConfig": {"fileName": kept.told["file"]} if kept.told["file"] else {"requests": {}},
        "createTime": _MADE,
        "updateTime": _MADE,
        "batchStats": _stats(len(kept.lines), fine, bad, running=kept.ending is None),
        "state": f"BATCH_STATE_{state}",
        "name": kept.id,
    }
    operation: _Object = {"name": kept.id, "metadata": told}
    if kept.ending is None:
        return operation
    told["endTime"] = _MADE
    operation["done"] = True
    if kept.ending == "failed":
        operation["error"] = {"code": 13, "message": "The batch failed."}
    elif kept.results:
        told["output"] = kept.results
        operation["response"] = {"@type": f"{_TYPE}{kind}Output", **kept.results}
    return operation


def _stats(total: int, fine: int, bad: int, *, running: bool) -> dict[str, str]:
    """Return the counts, which go out as text, and not at all when they are zero."""
    counts = {
        "requestCount": total,
        "successfulRequestCount": fine,
        "failedRequestCount": bad,
        "pendingRequestCount": total if running else 0,
    }
    return {name: str(count) for name, count in counts.items() if count}


def _file(kept: File) -> _Object:
    return {
        "name": kept.id,
        "mimeType": kept.purpose,
        "sizeBytes": str(len(kept.body)),
        "createTime": _MADE,
        "updateTime": _MADE,
        "state": "ACTIVE",
        "source": "UPLOADED" if kept.job is None else "GENERATED",
    }
