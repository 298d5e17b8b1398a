"""How scores are to be, as Langfuse's SDKs make, list and change it."""

from typing import Any

import msgspec
from litestar import Request, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langfuse.asking import page_of, pages, said_at
from pilothouse.compat.langfuse.parts import PartsDep, actor_of
from pilothouse.domain.score import ScoreType
from pilothouse.domain.score_config import Category, ScoreConfig
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import mapping, objects, scalar
from pilothouse.registry.scoring import ConfigDraft

_TYPES = {kind.value.upper(): kind for kind in ScoreType}


@post("/score-configs", status_code=200, include_in_schema=False)
async def create(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Say how the scores of a name are to be."""
    key = await langfuse.editor(request)
    body = mapping(await langfuse.body(request))
    kind = _TYPES.get(scalar(body.get("dataType")).upper())
    if kind is None:
        raise InvalidRequest(f"dataType must be one of {', '.join(_TYPES)}", param="dataType")
    draft = _changed(ConfigDraft(name=scalar(body.get("name")), type=kind), body)
    return _shown(await langfuse.library.scoring.put(key.project_id, draft, actor=actor_of(key)))


@get("/score-configs", include_in_schema=False)
async def list_all(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of them, the newest first."""
    key = await langfuse.reader(request)
    page, limit = page_of(request.query_params)
    every = await langfuse.library.scoring.all(key.project_id)
    part = every[(page - 1) * limit : page * limit]
    return {"data": [_shown(one) for one in part], "meta": pages(page, limit, len(every))}


@get("/score-configs/{config_id:str}", include_in_schema=False)
async def find(langfuse: PartsDep, request: Request[Any, Any, Any], config_id: FromPath[str]) -> dict[str, Any]:
    """Return one."""
    key = await langfuse.reader(request)
    return _shown(await langfuse.library.scoring.get(key.project_id, config_id))


@patch("/score-configs/{config_id:str}", status_code=200, include_in_schema=False)
async def change(langfuse: PartsDep, request: Request[Any, Any, Any], config_id: FromPath[str]) -> dict[str, Any]:
    """Change one; the type stays."""
    key = await langfuse.editor(request)
    body = mapping(await langfuse.body(request))
    held = await langfuse.library.scoring.get(key.project_id, config_id)
    known = {name: getattr(held, name) for name in ConfigDraft.__struct_fields__}
    draft = _changed(ConfigDraft(**known), body)
    return _shown(await langfuse.library.scoring.put(key.project_id, draft, held.id, actor=actor_of(key)))


HANDLERS = (create, list_all, find, change)


def _changed(draft: ConfigDraft, body: dict[str, Any]) -> ConfigDraft:
    values: dict[str, Any] = {}
    for ours, theirs in (("name", "name"), ("description", "description")):
        if body.get(theirs) is not None:
            values[ours] = scalar(body[theirs])
    for ours, theirs in (("least", "minValue"), ("most", "maxValue")):
        if body.get(theirs) is not None:
            values[ours] = _number(body[theirs], theirs)
    if isinstance(body.get("isArchived"), bool):
        values["archived"] = body["isArchived"]
    if body.get("categories") is not None:
        values["categories"] = tuple(
            Category(scalar(one.get("label")), _number(one.get("value"), "categories"))
            for one in objects(body["categories"])
        )
    return msgspec.structs.replace(draft, **values)


def _number(value: Any, param: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{param} must be a number", param=param)
    return float(value)


def _shown(config: ScoreConfig) -> dict[str, Any]:
    return {
        "id": config.id,
        "name": config.name,
        "createdAt": said_at(config.created_at_ns),
        "updatedAt": said_at(config.updated_at_ns),
        "projectId": config.project_id,
        "dataType": config.type.value.upper(),
        "isArchived": config.archived,
        "minValue": config.least,
        "maxValue": config.most,
        "categories": [{"label": one.label, "value": one.value} for one in config.categories] or None,
        "description": config.description or None,
    }
