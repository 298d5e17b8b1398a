"""What the page of one trace is made of: its tree in pages, single spans with their bodies, and a search within it."""

from typing import Annotated

from litestar import get
from litestar.params import FromPath, QueryParameter

from pilothouse.domain.reading import SpanDetail
from pilothouse.domain.tree import SpanMatches, TreePage
from pilothouse.errors import NotFound
from pilothouse.server.callers import ProjectDep
from pilothouse.server.parts import Parts
from pilothouse.server.queries import Cursor, checked_text, moment

Around = Annotated[str, QueryParameter(name="at", description="A time near the trace, RFC 3339; finds it faster.")]
Text = Annotated[str, QueryParameter(name="text", description="Substring of input, output, error, id, model or name.")]


@get("/traces/{trace_id:str}/tree", operation_id="getTraceTree", summary="The spans of a trace without their bodies")
async def tree(
    parts: Parts, project: ProjectDep, trace_id: FromPath[str], around: Around = "", cursor: Cursor = ""
) -> TreePage:
    """Return the spans of a trace by start time: the first 2,000 with summary and scores, then 30,000 a page."""
    if cursor:
        return await parts.telemetry.tree_after(project, trace_id, cursor)
    found = await parts.telemetry.tree(project, trace_id, moment(around, "at") if around else None)
    if found is None:
        raise NotFound(
            f"There is no trace {trace_id[:64]!r} in this project; it may have been deleted or not arrived yet."
        )
    return found


@get("/traces/{trace_id:str}/spans/{span_id:str}", operation_id="getTraceSpan", summary="One span with its bodies")
async def span(
    parts: Parts, project: ProjectDep, trace_id: FromPath[str], span_id: FromPath[str], around: Around = ""
) -> SpanDetail:
    """Return all that is known of a span of a trace."""
    found = await parts.telemetry.span(project, trace_id, span_id, moment(around, "at") if around else None)
    if found is None:
        raise NotFound(f"There is no span {span_id[:32]!r} in the trace {trace_id[:64]!r}.")
    return found


@get("/traces/{trace_id:str}/matches", operation_id="searchTrace", summary="Which spans of a trace hold a text")
async def matches(
    parts: Parts, project: ProjectDep, trace_id: FromPath[str], text: Text, around: Around = ""
) -> SpanMatches:
    """Return the ids of the spans that hold the text, by start time, at most 10,000; none for an unknown trace."""
    near = moment(around, "at") if around else None
    return await parts.telemetry.matches(project, trace_id, checked_text(text, least=1), near)


HANDLERS = (tree, span, matches)
