"""Settling a line: its place in the output file, and the one record of a line that ran natively."""

from typing import Any

import msgspec

from pilothouse.domain.batch import Batch, BatchEntry, NativeJob, SettledEntry
from pilothouse.domain.call import Attempt, CallRecord, Outcome
from pilothouse.domain.redaction.engine import Redactor
from pilothouse.domain.redaction.records import Bodies
from pilothouse.domain.redaction.records import call as redacted
from pilothouse.gateway.batches.names import line_names, request_name
from pilothouse.gateway.batches.translate import Heard, Translation, Translator

EXPIRED = ("batch_expired", "This request could not be executed before the completion window expired.")
CANCELLED = ("batch_cancelled", "This request was not executed because the batch was cancelled.")

_JSON = msgspec.json.Decoder(msgspec.Raw)


def settled(batch: Batch, entry: BatchEntry, status: int, request_id: str, body: bytes) -> SettledEntry:
    """Return what came of a line that ran, an error being one too."""
    response = {"status_code": status, "request_id": request_id, "body": _body(body)}
    line = _line(batch.id, entry.n, entry.custom_id, response=response, error=None)
    return SettledEntry(entry.n, 200 <= status < 300, line)


def unrun(batch_id: str, n: int, custom_id: str, why: tuple[str, str]) -> bytes:
    """Return the line of the error file for a line that did not run."""
    return _line(batch_id, n, custom_id, response=None, error={"code": why[0], "message": why[1]})


def record_of(
    batch: Batch, entry: BatchEntry, request: bytes, sent: Translation, heard: Heard, of: "Recording"
) -> CallRecord:
    """Return the record of a line that ran natively; the same one every time, so that a second replaces the first."""
    names = line_names(batch.id, entry.n)
    job, error, caller = of.job, heard.error, of.translator.caller
    code, detail = (error.code, error.detail) if error is not None else ("", "")
    record = CallRecord(
        id=names.call_id,
        trace_id=names.trace_id,
        span_id=names.span_id,
        parent_span_id="",
        project_id=batch.project_id,
        key_id=batch.key_id,
        started_at_ns=job.submitted_at_ns,
        duration_ns=0,
        overhead_ns=0,
        first_token_ns=None,
        last_token_ns=None,
        outcome=Outcome.ANSWERED if error is None else Outcome.FAILED,
        status=heard.status,
        error_code=code,
        error_detail=detail,
        operation=caller.operation,
        dialect=caller.name,
        path=batch.endpoint,
        model_requested=sent.head.model_name,
        model_served=heard.model,
        account=job.account,
        provider=job.provider,
        alias=job.alias,
        usage=heard.usage,
        finish_reason=heard.finish_reason,
        attempts=(Attempt(job.account, job.provider, job.model, 0, None, 0, of.status, code, detail),),
        request_body=request[: of.limit_bytes],
        response_body=heard.body[: of.limit_bytes],
        request_size_bytes=len(request),
        response_size_bytes=len(heard.body),
        user_id=sent.head.user_id,
        metadata=sent.head.labels,
        upstream_dialect=job.dialect if sent.converted is not None else "",
        losses=tuple(f"{loss.field}: {loss.reason}" for loss in (*sent.losses, *sent.unsaid)),
        schema_check=heard.checked,
        withheld_body=heard.withheld[: of.limit_bytes],
        batch_id=batch.id,
    )
    if of.redactor is None:
        return record
    return redacted(record, Bodies(request, heard.body, heard.withheld, of.limit_bytes), of.redactor)


class Recording(msgspec.Struct, frozen=True):
    """What records of one job share, and the status that its service gave the line."""

    job: NativeJob
    translator: Translator
    limit_bytes: int
    status: int
    redactor: Redactor | None = None
    """Of the project, when it has a policy."""


def _body(body: bytes) -> Any:
    try:
        return _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def _line(
    batch_id: str, n: int, custom_id: str, *, response: dict[str, Any] | None, error: dict[str, str] | None
) -> bytes:
    document = {"id": request_name(batch_id, n), "custom_id": custom_id, "response": response, "error": error}
    return msgspec.json.encode(document).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"
