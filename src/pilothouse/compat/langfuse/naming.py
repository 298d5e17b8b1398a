"""What the traces of spans and scores are called by their source, and what is said of each as a whole."""

from collections.abc import Iterable

from pilothouse.compat.base import every_span
from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.parts import LangfuseParts
from pilothouse.compat.langfuse.views import Names, names, root_of
from pilothouse.domain.query.nodes import Flag, Is, any_of
from pilothouse.domain.reading import SpanDetail, SpanFilter

_MOST = 200


async def names_of(langfuse: LangfuseParts, project_id: str, spans: Iterable[tuple[str, str]]) -> dict[str, Names]:
    """Return the names of traces by their ids; of each span its trace, and its id or its parent's, is given."""
    wanted: dict[str, set[str]] = {}
    for trace, span in spans:
        if trace:
            held = wanted.setdefault(trace, {ids.root_span_id(trace)})
            held |= {span} if span else set()
    traces, found = list(wanted), dict[str, list[SpanDetail]]()
    for start in range(0, len(traces), _MOST):
        found |= await _found(langfuse, project_id, {one: wanted[one] for one in traces[start : start + _MOST]})
    return {trace: _names(project_id, trace, found.get(trace, [])) for trace in traces}


async def _found(langfuse: LangfuseParts, project_id: str, wanted: dict[str, set[str]]) -> dict[str, list[SpanDetail]]:
    named = sorted({span for spans in wanted.values() for span in spans})
    query = any_of([Flag("root", value=True), *(Is("span", "", span) for span in named)])
    asked = SpanFilter(project_id=project_id, trace_ids=tuple(wanted), query=query)
    found: dict[str, list[SpanDetail]] = {}
    for trace, span in await every_span(langfuse.reads.spans, asked):
        found.setdefault(trace, []).append(span)
    return found


def _names(project_id: str, trace: str, spans: list[SpanDetail]) -> Names:
    oldest_first = spans[::-1]
    return names(project_id, trace, root_of(trace, oldest_first), oldest_first)
