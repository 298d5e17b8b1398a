"""OpenAI's files and batches as its documentation tells them."""

import re
from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import batches, plan, render
from pilothouse.providers.fake.batches import BatchScript, Desk, File, Job, Line, Outcome, document
from pilothouse.providers.fake.http import Reaction, Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_ENDPOINTS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions", "/v1/moderations")
_UNRUN = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This batch was cancelled before this request executed."),
}

_Object = dict[str, Any]


class _Create(msgspec.Struct):
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None = None


class _Input(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


_CREATE = msgspec.json.Decoder(_Create)
_INPUT = msgspec.json.Decoder(_Input)


def render_error(answer: Answer, asked: Asked) -> Plan:
    """Return the plan of an error, or of whatever else a behaviour answers."""
    del asked
    return plan.whole(answer, render.error_body(answer))


def upload(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Keep an uploaded file."""
    del found
    fields = _form(request)
    name, body = fields.get("file", ("", b""))
    purpose = fields.get("purpose", ("", b""))[1].decode()
    if purpose not in ("batch", "user_data", "fine-tune", "assistants", "vision", "evals") or "file" not in fields:
        raise SettingsInvalid("'purpose' and 'file' are required properties")
    identity = f"file-fake{len(desk.files) + 1}"
    kept = desk.files[identity] = File(identity, batches.owner(request), name, purpose, body)
    return document(_file(kept))


def files(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """List the files of a key, newest first."""
    del found
    asked = batches.query(request)
    kept = [file for file in reversed(desk.files.values()) if file.owner == batches.owner(request)]
    kept = [file for file in kept if file.purpose == asked.get("purpose", file.purpose)]
    return document(_page([_file(file) for file in kept], asked))


def file(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Return, download or delete a file."""
    kept = desk.file(request, found[1])
    if kept is None:
        return batches.refuse(404, f"No such File object: {found[1]}", render_error)
    if found[2]:
        return desk.download(kept.job, kept.body)
    if request.method == "DELETE":
        del desk.files[kept.id]
        return document({"id": kept.id, "object": "file", "deleted": True})
    return document(_file(kept))


def create(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Take a batch."""
    del found
    asked = _CREATE.decode(request.body)
    kept = desk.file(request, asked.input_file_id)
    if kept is None or kept.purpose != "batch":
        raise SettingsInvalid(f"Invalid input_file_id: {asked.input_file_id}")
    if asked.completion_window != "24h" or asked.endpoint not in _ENDPOINTS:
        raise SettingsInvalid("completion_window is '24h', and endpoint one of those that are supported")
    lines, wrong = _lines(kept.body, asked.endpoint, request)
    told: _Object = {
        "endpoint": asked.endpoint,
        "input_file_id": kept.id,
        "completion_window": "24h",
        "metadata": asked.metadata,
    }
    job = Job(id="batch_fake", owner="", vendor="openai", lines=lines, script=BatchScript(), told=told, wrong=wrong)
    return desk.create(request, job, lambda made: document(_batch(made)), render_error)


def listed(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """List the batches of a key, newest first."""
    del found
    return document(_page([_batch(job) for job in desk.listed(request, "openai")], batches.query(request)))


def job(desk: Desk, request: Request, found: re.Match[str]) -> Reaction:
    """Look at a batch, or cancel it."""
    kept = desk.find(request, "openai", found[1])
    if kept is None:
        return batches.refuse(404, f"No batch found with id '{found[1]}'.", render_error)
    if found[2]:
        if kept.ending is not None:
            state = _status(kept)
            return batches.refuse(409, f"Cannot cancel a batch with status '{state}'.", render_error)
        kept.cancelling = True
        return document(_batch(kept))
    return desk.look(kept, render_error, lambda done: _finish(desk, done)) or document(_batch(kept))


def _finish(desk: Desk, done: Job) -> None:
    fine = [outcome for outcome in done.outcomes if 0 < outcome.status < 400]
    rest = [outcome for outcome in done.outcomes if not 0 < outcome.status < 400]
    for field, outcomes in (("output_file_id", fine), ("error_file_id", rest)):
        if outcomes:
            name = f"{done.id}_{field.partition('_')[0]}.jsonl"
            body = batches.jsonl(_outcome(done, outcome) for outcome in outcomes)
            done.results[field] = desk.keep(done, "file-fake", name, "batch_output", body)


def _outcome(done: Job, outcome: Outcome) -> _Object:
    line: _Object = {"id": f"batch_req_{outcome.key}", "custom_id": outcome.key, "response": None, "error": None}
    if outcome.status:
        body = msgspec.Raw(outcome.body)
        line["response"] = {"status_code": outcome.status, "request_id": f"req_{outcome.key}", "body": body}
    else:
        code, message = _UNRUN[done.ending or "expired"]
        line["error"] = {"code": code, "message": message}
    return line


def _status(kept: Job) -> str:
    if kept.ending is not None:
        return "completed" if kept.ending == "ended" else kept.ending
    if kept.cancelling:
        return "cancelling"
    if kept.looks == 0:
        return "validating"
    return "finalizing" if 1 < kept.script.looks <= kept.looks else "in_progress"


def _batch(kept: Job) -> _Object:
    made = render.CREATED + kept.number
    status = _status(kept)
    wrong = kept.wrong or [{"code": "invalid_request", "message": "The batch failed.", "line": None}]
    moments = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    fine = kept.count(lambda outcome: 0 < outcome.status < 400)
    bad = kept.count(lambda outcome: not 0 < outcome.status < 400)
    return kept.told | {
        "id": kept.id,
        "object": "batch",
        "errors": {"object": "list", "data": wrong} if kept.ending == "failed" else None,
        "status": status,
        "output_file_id": kept.results.get("output_file_id"),
        "error_file_id": kept.results.get("error_file_id"),
        "created_at": made,
        "expires_at": made + 86_400,
        "request_counts": {"total": len(kept.lines), "completed": fine, "failed": bad},
        **{f"{name}_at": made if name == status else None for name in moments},
    }


def _lines(body: bytes, endpoint: str, request: Request) -> tuple[list[Line], list[_Object]]:
    """Return the lines of an input file, and what is wrong with it."""
    headers = tuple(item for item in request.headers if item[0] == b"authorization")
    lines: dict[str, Line] = {}
    wrong: list[_Object] = []
    for number, raw in enumerate(body.split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            read = _INPUT.decode(raw)
        except msgspec.DecodeError as error:
            wrong.append({"code": "invalid_json_line", "message": str(error), "line": number, "param": None})
            continue
        if read.custom_id in lines:
            wrong.append({"code": "duplicate_custom_id", "message": read.custom_id, "line": number, "param": None})
        elif (read.method, read.url) != ("POST", endpoint):
            wrong.append({"code": "mismatched_endpoint", "message": read.url, "line": number, "param": "url"})
        lines[read.custom_id] = Line(read.custom_id, Request("POST", read.url, headers, bytes(read.body)))
    if not lines and not wrong:
        wrong.append({"code": "empty_file", "message": "The input file is empty.", "line": None, "param": None})
    return list(lines.values()), wrong


def _file(kept: File) -> _Object:
    return {
        "id": kept.id,
        "object": "file",
        "bytes": len(kept.body),
        "created_at": render.CREATED,
        "expires_at": None,
        "filename": kept.name,
        "purpose": kept.purpose,
        "status": "processed",
        "status_details": None,
    }


def _page(items: list[_Object], asked: dict[str, str]) -> _Object:
    after = asked.get("after")
    shown, more = batches.page(items, asked.get("limit", "20"), (lambda item: item["id"] == after) if after else None)
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    return {"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": more}


def _form(request: Request) -> dict[str, tuple[str, bytes]]:
    """Return file name and content of a form's parts, to the byte."""
    boundary = re.search(rb'boundary="?([^";]+)', request.header(b"content-type"))
    if boundary is None:
        raise SettingsInvalid("the body must be multipart/form-data")
    fields: dict[str, tuple[str, bytes]] = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary[1])[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        given = re.search(rb'filename="([^"]*)"', head)
        if name is not None:
            fields[name[1].decode()] = (given[1].decode() if given else "", content)
    return fields
