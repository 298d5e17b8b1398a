"""Removal of traces as Langfuse's API asks for it: the same deletions, with receipts, that people request."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, delete
from litestar.params import FromPath

from pilothouse.compat.langfuse import ids
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep, actor_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.keeping import Subject
from pilothouse.errors import EndpointUnknown, InvalidRequest
from pilothouse.protocols.loose import listing, mapping

_MOST = 200
"""Traces in one request."""


@delete("/traces/{trace_id:path}", status_code=200, include_in_schema=False)
async def one(langfuse: PartsDep, request: Request[Any, Any, Any], trace_id: FromPath[str]) -> dict[str, str]:
    """Have a trace removed with all that belongs to it; one that is still on its way goes, too."""
    key = await langfuse.remover(request)
    await _remove(langfuse, key, [trace_id.removeprefix("/")])
    return {"message": "Trace deleted successfully"}


@delete("/traces", status_code=200, include_in_schema=False)
async def several(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, str]:
    """Have traces removed."""
    key = await langfuse.remover(request)
    wanted = listing(mapping(await langfuse.body(request)).get("traceIds"))
    if not 1 <= len(wanted) <= _MOST or not all(isinstance(each, str) and each for each in wanted):
        raise InvalidRequest(f"traceIds must be a list of 1 to {_MOST} ids of traces", param="traceIds")
    await _remove(langfuse, key, wanted)
    return {"message": "Traces deleted successfully"}


HANDLERS = (one, several)


async def _remove(langfuse: LangfuseParts, key: VirtualKey, natives: Sequence[str]) -> None:
    if langfuse.deletions is None:
        raise EndpointUnknown("nothing is removed here")
    for native in natives:
        await langfuse.deletions.request(key.project_id, Subject.TRACE, ids.trace_id(native), actor=actor_of(key))
