"""What SDKs bring: batches of events, and scores; answered once everything that is told as taken is durable."""

from typing import Any

from litestar import Request, Response, post

from pilothouse.compat.arrival import SCORES, TRACES, Arrival, owned
from pilothouse.compat.langfuse import ingestion, scores
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep
from pilothouse.domain.ids import new_id
from pilothouse.domain.score import Score
from pilothouse.errors import InvalidRequest, PilothouseError
from pilothouse.protocols.loose import listing, mapping, scalar

_PARTIAL = 207


@post("/ingestion", status_code=_PARTIAL, include_in_schema=False)
async def ingest(langfuse: PartsDep, request: Request[Any, Any, Any]) -> ingestion.Answer:
    """Take a batch of events."""
    arrival = await langfuse.writer(request, TRACES)
    try:
        batch = ingestion.batch_of(await langfuse.body(request))
        taken = ingestion.read(batch, arrival.key, langfuse.clock.now_ns())
        spans = await arrival.keep_patches(taken.patches)
        await arrival.keep_scores(taken.scores)
    except PilothouseError as error:
        arrival.refused(error)
        raise
    for failure in taken.answer.errors:
        arrival.rejected(f"event {failure.id}: {failure.message}")
    if spans or not taken.scores:
        arrival.accepted(spans)
    if taken.scores:
        arrival.accepted(len(taken.scores), SCORES)
    return taken.answer


@post("/scores", status_code=200, include_in_schema=False)
async def take_scores(langfuse: PartsDep, request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Take a list of scores, as SDKs from 5 on send them, or a single one."""
    arrival = await langfuse.writer(request, SCORES)
    try:
        body = await langfuse.body(request)
        if isinstance(body, list):
            return await _list(langfuse, arrival, listing(body))
        found = _one(langfuse, body)
        await arrival.keep_scores(owned([found], arrival.key))
    except PilothouseError as error:
        arrival.refused(error)
        raise
    arrival.accepted(1)
    return Response({"id": found.id})


async def _list(langfuse: LangfuseParts, arrival: Arrival, items: list[Any]) -> Response[dict[str, Any]]:
    found: list[Score] = []
    errors: list[dict[str, str]] = []
    now_ns = langfuse.clock.now_ns()
    for index, item in enumerate(items):
        try:
            found.append(scores.of(mapping(item), now_ns, new_id()))
        except ValueError as error:
            errors.append({"id": scalar(mapping(item).get("id")), "message": f"score {index}: {error}"})
    await arrival.keep_scores(owned(found, arrival.key))
    arrival.accepted(len(found))
    for error in errors:
        arrival.rejected(error["message"])
    if not errors:
        # an SDK takes any answer that counts for an error, so all is well is said without figures
        return Response({"message": "Accepted"}, status_code=202)
    told = {"accepted": len(found), "rejected": len(errors), "errors": errors}
    return Response(told, status_code=_PARTIAL)


def _one(langfuse: LangfuseParts, body: Any) -> Score:
    try:
        return scores.of(mapping(body), langfuse.clock.now_ns(), new_id())
    except ValueError as error:
        raise InvalidRequest(str(error)) from error


HANDLERS = (ingest, take_scores)
