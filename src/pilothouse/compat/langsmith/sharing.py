"""Public links of runs, which are not made here: whether there is one is answered, and why not is said.

A share link of ours ends on a day, shows a whole trace, and its secret is told once and kept nowhere; LangSmith's
lasts, and is a UUID that its SDKs choose and ask for again.
"""

from typing import Any

from litestar import Request, Response, get, route
from litestar.params import FromPath

from pilothouse.compat.langsmith.answers import Problem, problem
from pilothouse.compat.langsmith.asking import uuid_of
from pilothouse.compat.langsmith.parts import PartsDep

_NOT_BUILT = 501
_WHY = (
    "runs have no public links by LangSmith's API here; share their trace on its page in Pilothouse, or with "
    "POST /api/v1/shares, where it is said for how long and whether inputs and outputs are shown"
)
_PATH = "/runs/{run_id:str}/share"


@get(_PATH, include_in_schema=False)
async def find(langsmith: PartsDep, request: Request[Any, Any, Any], run_id: FromPath[str]) -> Response[bytes]:
    """Say that there is no such link, as SDKs ask before they make or end one."""
    await langsmith.sender(request)
    uuid_of(run_id, "run_id")
    return Response(b"null", media_type="application/json")


@route(_PATH, http_method=["PUT", "POST", "DELETE"], include_in_schema=False, status_code=_NOT_BUILT)
async def refuse(langsmith: PartsDep, request: Request[Any, Any, Any], run_id: FromPath[str]) -> Response[Problem]:
    """Say where traces are shared instead."""
    await langsmith.editor(request)
    uuid_of(run_id, "run_id")
    return problem(_NOT_BUILT, _WHY)


HANDLERS = (find, refuse)
