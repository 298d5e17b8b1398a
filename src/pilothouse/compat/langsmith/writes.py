"""What SDKs bring: runs and feedback; answered once everything that is told as taken is durable."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, patch, post
from litestar.params import FromPath

from pilothouse.compat.arrival import LATER_NS, SCORES, Arrival, owned, worked
from pilothouse.compat.decode import body_of
from pilothouse.compat.langsmith import attachments, feedback, ids, multipart
from pilothouse.compat.langsmith.finding import trace_of
from pilothouse.compat.langsmith.multipart import Arrived, Fault
from pilothouse.compat.langsmith.parts import PartsDep
from pilothouse.compat.langsmith.runs import PATCH, POST, Operation, patch_of, traced
from pilothouse.compat.langsmith.sessions import note_runs
from pilothouse.domain.ids import new_id
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.score import Score
from pilothouse.errors import InvalidRequest, PilothouseError
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.library import Library

_TAKEN = 202


@post("/runs/multipart", status_code=_TAKEN, include_in_schema=False)
async def take_multipart(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Take runs and feedback that came as the parts of a form."""
    arrival = await langsmith.writer(request)
    try:
        data = await langsmith.data(request)
        content_type = request.headers.get("content-type", "")
        found = await worked(lambda: multipart.arrived(multipart.parts_of(content_type, data)), len(data))
        return await _take(langsmith.library, arrival, found, len(data))
    except PilothouseError as error:
        arrival.refused(error)
        raise


@post("/runs/batch", status_code=_TAKEN, include_in_schema=False)
async def take_batch(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Take two lists of runs: those that are new, and what is new of others."""
    arrival = await langsmith.writer(request)
    try:
        data = await langsmith.data(request)
        found = await worked(lambda: _batch(data), len(data))
        return await _take(langsmith.library, arrival, found, len(data))
    except PilothouseError as error:
        arrival.refused(error)
        raise


@post("/runs", status_code=_TAKEN, include_in_schema=False)
async def take_run(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Take a run."""
    arrival = await langsmith.writer(request)
    try:
        body = mapping(await langsmith.body(request))
        return await _take(
            langsmith.library, arrival, Arrived([_single(POST, body.get("id") or new_id(), body)], [], [])
        )
    except PilothouseError as error:
        arrival.refused(error)
        raise


@patch("/runs/{run_id:str}", status_code=_TAKEN, include_in_schema=False)
async def take_update(langsmith: PartsDep, request: Request[Any, Any, Any], run_id: FromPath[str]) -> dict[str, Any]:
    """Take what is new of a run."""
    arrival = await langsmith.writer(request)
    try:
        body = mapping(await langsmith.body(request))
        operation = _single(PATCH, run_id, body)
        if traced(operation) is None:
            trace = await trace_of(langsmith.reads, arrival.key.project_id, operation.run_id)
            operation = msgspec.structs.replace(operation, trace_id=trace)
        return await _take(langsmith.library, arrival, Arrived([operation], [], []))
    except PilothouseError as error:
        arrival.refused(error)
        raise


@post("/feedback", status_code=200, include_in_schema=False)
async def take_feedback(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Take one feedback and return it."""
    arrival = await langsmith.writer(request, SCORES)
    try:
        body = mapping(await langsmith.body(request))
        body = {**body, "id": body.get("id") or new_id()}
        run, trace = ids.uuid_of(body.get("run_id")), None
        if run is not None and body.get("trace_id") is None:
            trace = await trace_of(langsmith.reads, arrival.key.project_id, run)
        try:
            found = feedback.of(body, arrival.received_at_ns, ids.trace_id(trace) if trace else "")
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        await arrival.keep_scores(owned([found], arrival.key))
    except PilothouseError as error:
        arrival.refused(error)
        raise
    arrival.accepted(1)
    return body


HANDLERS = (take_multipart, take_batch, take_run, take_update, take_feedback)


def _batch(data: bytes) -> Arrived:
    body = body_of(data)
    if not isinstance(body, dict):
        raise InvalidRequest('the body must be an object of two lists, {"post": [...], "patch": [...]}')
    operations: list[Operation] = []
    faults: list[Fault] = []
    for verb in (POST, PATCH):
        for index, item in enumerate(listing(mapping(body).get(verb))):
            run = ids.uuid_of(mapping(item).get("id"))
            if run is None:
                faults.append(Fault(f"{verb} {index}", "a run must be an object with a UUID as its id"))
            else:
                operations.append(Operation(verb=verb, run_id=run, body=mapping(item)))
    return Arrived(operations, [], faults)


def _single(verb: str, run_id: Any, body: dict[str, Any]) -> Operation:
    run = ids.uuid_of(run_id)
    if run is None:
        raise InvalidRequest(f"the id of a run must be a UUID, not {scalar(run_id)[:80]!r}", param="id")
    return Operation(verb=verb, run_id=run, body=body)


async def _take(library: Library, arrival: Arrival, found: Arrived, size_bytes: int = 0) -> dict[str, Any]:
    """Keep what is usable, and return what is told of it: that all was taken, or which items were not."""
    faults = list(found.faults)
    traces = _traces(found)
    operations = [
        await attachments.keep(library, arrival.key.project_id, one, faults) if one.attachments else one
        for one in (_placed(one, traces) for one in found.operations)
    ]
    found = msgspec.structs.replace(found, operations=operations)
    patches, scores = await worked(
        lambda: (_patches(found, arrival), owned(_scores(found, arrival, faults), arrival.key)), size_bytes
    )
    spans = await arrival.keep_patches(patches)
    await arrival.keep_scores(scores)
    await note_runs(library, arrival, found.operations)
    for fault in faults:
        arrival.rejected(f"{fault.item}: {fault.detail}")
    if patches or not scores:
        arrival.accepted(spans)
    if scores:
        arrival.accepted(len(scores), SCORES, 0 if patches else 1)
    if not faults:
        return {"message": "Runs ingested"}
    errors = [{"item": fault.item, "detail": fault.detail} for fault in faults]
    return {"message": f"{len(errors)} items are of no use here", "errors": errors}


def _traces(found: Arrived) -> dict[UUID, UUID]:
    """Return the traces that operations say their runs belong to."""
    traces: dict[UUID, UUID] = {}
    for operation in found.operations:
        trace = traced(operation)
        if trace is not None:
            traces.setdefault(operation.run_id, trace)
    return traces


def _placed(operation: Operation, traces: dict[UUID, UUID]) -> Operation:
    """Return an operation; one that says nothing of its trace belongs to that of another of the same run here."""
    return msgspec.structs.replace(operation, trace_id=traces.get(operation.run_id, operation.trace_id))


def _patches(found: Arrived, arrival: Arrival) -> list[SpanPatch]:
    patches = (
        patch_of(operation, arrival.key.project_id, arrival.received_at_ns + min(index, LATER_NS))
        for index, operation in enumerate(found.operations)
    )
    return owned(patches, arrival.key)


def _scores(found: Arrived, arrival: Arrival, faults: list[Fault]) -> Iterator[Score]:
    for body in found.feedback:
        try:
            yield feedback.of(body, arrival.received_at_ns)
        except ValueError as error:
            faults.append(Fault(f"feedback.{scalar(body.get('id'))[:100]}", str(error)))
