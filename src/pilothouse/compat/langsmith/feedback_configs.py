"""How feedback of a key is to be, as LangSmith's SDKs make, list and change it: one for each key."""

from typing import Any

from litestar import Request, Response, delete, get, patch, post

from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.asking import as_uuid, said_at, several, window
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.score import ScoreType
from pilothouse.domain.score_config import Category, ScoreConfig
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.protocols.loose import mapping, objects, scalar
from pilothouse.registry.scoring import ConfigDraft

_TYPES = {"continuous": ScoreType.NUMERIC, "categorical": ScoreType.CATEGORICAL, "freeform": ScoreType.TEXT}
_NAMES = {kind: name for name, kind in _TYPES.items()} | {ScoreType.BOOLEAN: "categorical"}
_LOWER = "is_lower_score_better"


@get("/feedback-configs", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return them, the newest first."""
    key = await langsmith.sender(request)
    wanted, part = set(several(request, "key")), scalar(request.query_params.get("name_contains")).lower()
    found = [
        one
        for one in await langsmith.library.scoring.all(key.project_id)
        if (not wanted or one.name in wanted) and part in one.name.lower()
    ]
    limit, offset = window(request)
    return [shown(one) for one in found[offset : offset + limit]]


@post("/feedback-configs", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make one; the same one again is given back, and another one of the key is a conflict."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    draft = _draft(scalar(body.get("feedback_key")), mapping(body.get("feedback_config")), body)
    held = await _of_key(langsmith, key, draft.name)
    if held is None:
        return shown(await langsmith.library.scoring.put(key.project_id, draft, actor=actor_of(key)))
    if _said(_config(held)) != _said(mapping(body.get("feedback_config"))):
        raise Conflict(f"it is said already how feedback of the key {draft.name[:80]!r} is to be")
    return shown(held)


@patch("/feedback-configs", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Change the one of a key."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    held = await _known(langsmith, key, scalar(body.get("feedback_key")))
    config = _config(held) | mapping(body.get("feedback_config"))
    categories = objects(config.get("categories"))
    gone = {one.get("value") for one in objects(body.get("remove_categories"))}
    categories = [one for one in categories if one.get("value") not in gone]
    categories += objects(body.get("add_categories"))
    draft = _draft(held.name, {**config, "categories": categories}, {_LOWER: held.details.get(_LOWER), **body})
    return shown(await langsmith.library.scoring.put(key.project_id, draft, held.id, actor=actor_of(key)))


@delete("/feedback-configs", status_code=204, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any]) -> Response[None]:
    """Delete the one of a key; feedback stays."""
    key = await langsmith.editor(request)
    held = await _known(langsmith, key, scalar(request.query_params.get("feedback_key")))
    await langsmith.library.scoring.delete(key.project_id, held.id, actor=actor_of(key))
    return Response(None, status_code=204)


HANDLERS = (list_all, create, change, remove)


async def _of_key(langsmith: LangSmithParts, key: VirtualKey, name: str) -> ScoreConfig | None:
    every = await langsmith.library.scoring.all(key.project_id)
    return next((one for one in every if one.name == name.strip()), None)


async def _known(langsmith: LangSmithParts, key: VirtualKey, name: str) -> ScoreConfig:
    held = await _of_key(langsmith, key, name)
    if held is None:
        raise NotFound(f"nobody has said how feedback of the key {name[:80]!r} is to be")
    return held


def _draft(name: str, config: dict[str, Any], body: dict[str, Any]) -> ConfigDraft:
    kind = _TYPES.get(scalar(config.get("type")))
    if kind is None:
        raise InvalidRequest(f"the type must be one of {', '.join(_TYPES)}", param="feedback_config.type")
    return ConfigDraft(
        name=name,
        type=kind,
        least=_number(config.get("min")),
        most=_number(config.get("max")),
        categories=tuple(
            # a category without a name is called as its number is written
            Category(scalar(one.get("label")) or f"{number:g}", number)
            for one in objects(config.get("categories"))
            if (number := _number(one.get("value"))) is not None
        ),
        details={_LOWER: bool(body[_LOWER])} if body.get(_LOWER) is not None else {},
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _said(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value is not None}


def _config(config: ScoreConfig) -> dict[str, Any]:
    return {
        "type": _NAMES[config.type],
        "min": config.least,
        "max": config.most,
        "categories": [{"value": one.value, "label": one.label} for one in config.categories] or None,
    }


def shown(config: ScoreConfig) -> dict[str, Any]:
    """Return one in LangSmith's form."""
    return {
        "id": as_uuid(config.project_id, config.id),
        "feedback_key": config.name,
        "feedback_config": _config(config),
        "tenant_id": str(ids.tenant_id(config.project_id)),
        "modified_at": said_at(config.updated_at_ns),
        _LOWER: config.details.get(_LOWER),
        "is_enforced": False,
        "is_first": True,
    }
