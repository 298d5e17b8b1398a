"""Single feedbacks: read, changed, deleted, and given by whoever has an address for it."""

from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.arrival import SCORES, Arrival, owned
from pilothouse.compat.langsmith import feedback, ids, views
from pilothouse.compat.langsmith.asking import said_at, uuid_of, window
from pilothouse.compat.langsmith.finding import trace_of
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep
from pilothouse.domain.reading import ScoreDetail, ScoreFilter
from pilothouse.domain.score_config import ScoreTicket
from pilothouse.errors import InvalidRequest, NotFound, PilothouseError
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import mapping, objects, scalar
from pilothouse.registry.scoring import TicketDraft

_UNITS_NS = {"days": 86_400 * 10**9, "hours": 3_600 * 10**9, "minutes": 60 * 10**9}
_USUAL_NS = 3 * _UNITS_NS["hours"]
_MOST_NS = 365 * _UNITS_NS["days"]
_CHANGES = ("score", "value", "correction", "comment")
_GIVEN = (*_CHANGES, "metadata")


@get("/feedback/{feedback_id:uuid}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Request[Any, Any, Any], feedback_id: FromPath[Any]) -> dict[str, Any]:
    """Return one feedback."""
    key = await langsmith.reader(request)
    return views.score(await _one(langsmith, key.project_id, str(feedback_id)))


@patch("/feedback/{feedback_id:uuid}", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Request[Any, Any, Any], feedback_id: FromPath[Any]) -> dict[str, Any]:
    """Change a feedback: what is left out stays."""
    arrival = await langsmith.writer(request, SCORES)
    try:
        body = mapping(await langsmith.body(request))
        held = await _one(langsmith, arrival.key.project_id, str(feedback_id))
        known = {name: value for name, value in views.score(held).items() if value is not None}
        said = {name: body[name] for name in _CHANGES if body.get(name) is not None}
        # the time at which it was first given stays, and this version of it counts as said now
        changed = {**known, **said, "id": held.id, "modified_at": None}
        await _keep(arrival, changed, held.trace_id)
    except PilothouseError as error:
        arrival.refused(error)
        raise
    return {name: value for name, value in changed.items() if value is not None}


@delete("/feedback/{feedback_id:uuid}", status_code=200, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any], feedback_id: FromPath[Any]) -> dict[str, str]:
    """Delete a feedback."""
    key = await langsmith.editor(request)
    held = await _one(langsmith, key.project_id, str(feedback_id))
    await langsmith.reads.remove_scores(key.project_id, [held.id])
    return {"message": "Feedback deleted"}


@post("/feedback/tokens", status_code=200, include_in_schema=False)
async def give_leave(langsmith: PartsDep, request: Request[Any, Any, Any]) -> Response[Any]:
    """Make addresses at which feedback of a name can be given to a run without a key."""
    arrival = await langsmith.writer(request, SCORES)
    body = await langsmith.body(request)
    bodies = objects(body) if isinstance(body, list) else [mapping(body)]
    drafts = [_draft(langsmith, one) for one in bodies]
    made = await langsmith.library.scoring.give_leave(arrival.key, drafts)
    shown = [_ticket(request, one) for one in made]
    return Response(shown if isinstance(body, list) else shown[0])


@get("/feedback/tokens", include_in_schema=False)
async def leaves(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return the addresses that there are for a run."""
    key = await langsmith.sender(request)
    run = str(uuid_of(request.query_params.get("run_id"), "run_id"))
    found = await langsmith.library.scoring.tickets(key.project_id, run)
    limit, offset = window(request)
    return [_ticket(request, one) for one in found[offset : offset + limit]]


@get("/feedback/tokens/{ticket_id:uuid}", include_in_schema=False)
async def give_by_address(
    langsmith: PartsDep, request: Request[Any, Any, Any], ticket_id: FromPath[Any]
) -> dict[str, Any]:
    """Take the feedback that an address says, as a link in a mail does."""
    ticket, key = await langsmith.library.scoring.ticket(str(ticket_id))
    said: dict[str, Any] = {name: request.query_params[name] for name in _CHANGES if request.query_params.get(name)}
    return await _given(langsmith, langsmith.arrival(request, key, SCORES), ticket, said)


@post("/feedback/tokens/{ticket_id:uuid}", status_code=200, include_in_schema=False)
async def give(langsmith: PartsDep, request: Request[Any, Any, Any], ticket_id: FromPath[Any]) -> dict[str, Any]:
    """Take the feedback of a body, which is read only for whoever has leave."""
    ticket, key = await langsmith.library.scoring.ticket(str(ticket_id))
    body = mapping(await langsmith.body(request))
    said = {name: body[name] for name in _GIVEN if body.get(name) is not None}
    return await _given(langsmith, langsmith.arrival(request, key, SCORES), ticket, said)


HANDLERS = (find, change, remove, give_leave, leaves, give_by_address, give)


async def _one(langsmith: LangSmithParts, project_id: str, feedback_id: str) -> ScoreDetail:
    page = await langsmith.reads.score_page(ScoreFilter(project_id=project_id, ids=(feedback_id,), limit=1))
    if not page.items:
        raise NotFound(f"there is no feedback {feedback_id[:80]} in this project; it may not have arrived yet")
    return page.items[0]


async def _keep(arrival: Arrival, body: dict[str, Any], trace_id: str) -> None:
    try:
        found = feedback.of(body, arrival.received_at_ns, trace_id)
    except ValueError as error:
        raise InvalidRequest(str(error)) from error
    await arrival.keep_scores(owned([found], arrival.key))
    arrival.accepted(1)


async def _given(
    langsmith: LangSmithParts, arrival: Arrival, ticket: ScoreTicket, said: dict[str, Any]
) -> dict[str, Any]:
    run = uuid_of(ticket.run_id, "run_id")
    trace = await trace_of(langsmith.reads, arrival.key.project_id, run)
    metadata = mapping(said.pop("metadata", None))
    body = {
        "id": ticket.details.get("feedback_id") or ticket.id,
        "key": ticket.name,
        "run_id": ticket.run_id,
        "feedback_config": ticket.details.get("feedback_config"),
        "feedback_source": {"type": "app", "metadata": metadata},
        **said,
    }
    await _keep(arrival, body, ids.trace_id(trace) if trace else "")
    return {"message": "Feedback taken"}


def _draft(langsmith: LangSmithParts, body: dict[str, Any]) -> TicketDraft:
    run = str(uuid_of(body.get("run_id"), "run_id"))
    now_ns = langsmith.clock.now_ns()
    length, ends_ns = mapping(body.get("expires_in")), moment_ns(body.get("expires_at"))
    if ends_ns is None:
        parts = [int(_number(length.get(name) or 0) * unit_ns) for name, unit_ns in _UNITS_NS.items()]
        ends_ns = now_ns + (sum(parts) if length else _USUAL_NS)
    details = {"feedback_id": scalar(body.get("id")), "feedback_config": body.get("feedback_config")}
    if details["feedback_id"]:
        uuid_of(details["feedback_id"], "id")
    return TicketDraft(
        run_id=run, name=scalar(body.get("feedback_key")), details=details,
        expires_at_ns=min(ends_ns, now_ns + _MOST_NS),
    )  # fmt: skip


def _ticket(request: Request[Any, Any, Any], ticket: ScoreTicket) -> dict[str, Any]:
    # below the prefix, where it is known without the header by which SDKs are told elsewhere
    base = str(request.base_url).rstrip("/")
    return {
        "id": ticket.id,
        "url": f"{base}/langsmith/feedback/tokens/{ticket.id}",
        "expires_at": said_at(ticket.expires_at_ns),
        "feedback_key": ticket.name,
    }


def _number(value: Any) -> float:
    found = feedback.finite(value)
    if found is None:
        raise InvalidRequest(f"a number is due, not {scalar(value)[:40]!r}")
    return found
