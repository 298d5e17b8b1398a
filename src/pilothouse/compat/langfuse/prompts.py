"""Prompts as Langfuse's SDKs make, find, list and label them."""

import re
from typing import Any

from litestar import Request, Response, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langfuse.asking import Asked, page_of, pages, said_at, time_ns
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep, actor_of
from pilothouse.domain.composition import Composition, part_id
from pilothouse.domain.prompt import LATEST, PRODUCTION, PromptKind, PromptSeen
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.prompts import NewPromptVersion, PromptListed
from pilothouse.store.metadata.prompts import PromptFilter

_VERSION = re.compile(r"(.+)/versions/(\d{1,9})")
_MESSAGE, _PLACEHOLDER = "chatmessage", "placeholder"
_EVERY = 10_000


@get("/v2/prompts", include_in_schema=False)
async def list_all(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of prompts by name."""
    key = await langfuse.reader(request)
    asked: Asked = request.query_params
    page, limit = page_of(asked)
    wanted = PromptFilter(
        project_id=key.project_id, name=asked.get("name") or "", tag=asked.get("tag") or "",
        label=asked.get("label") or "", limit=limit, offset=(page - 1) * limit,
    )  # fmt: skip
    from_ns, to_ns = time_ns(asked, "fromUpdatedAt"), time_ns(asked, "toUpdatedAt")
    if from_ns is None and to_ns is None:
        found, total = await langfuse.library.prompts.page(wanted)
    else:
        every, _ = await langfuse.library.prompts.page(
            PromptFilter(project_id=key.project_id, name=wanted.name, tag=wanted.tag, label=wanted.label, limit=_EVERY)
        )
        kept = [one for one in every if (from_ns or 0) <= one.prompt.updated_at_ns < (to_ns or 2**63)]
        found, total = kept[wanted.offset : wanted.offset + limit], len(kept)
    data = [await _listed(langfuse, key.project_id, one) for one in found]
    # SDKs of the generation 2 know the pages by another name
    meta = pages(page, limit, total)
    return {"data": data, "meta": meta, "pagination": meta}


@post("/v2/prompts", status_code=201, include_in_schema=False)
async def create(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make a version of a prompt, and the prompt with its first."""
    key = await langfuse.editor(request)
    body = mapping(await langfuse.body(request))
    labels = [scalar(one) for one in listing(body.get("labels"))]
    tags = body.get("tags")
    seen = await langfuse.library.prompts.create_version(
        NewPromptVersion(
            project_id=key.project_id,
            name=scalar(body.get("name")),
            content=_content(body),
            config={} if body.get("config") is None else body["config"],
            message=scalar(body.get("commitMessage")),
            labels=[*labels, *([PRODUCTION] if body.get("isActive") is True else [])],
            tags=None if tags is None else [scalar(one) for one in listing(tags)],
        ),
        actor=actor_of(key),
    )
    return shown(seen)


@get("/v2/prompts/{name:path}", include_in_schema=False)
async def find(langfuse: PartsDep, request: Request[Any, Any, Any], name: FromPath[str]) -> dict[str, Any]:
    """Return one version: of a number, or with a label, which is `production` when none is said.

    The key that an application sends its telemetry with is enough.
    """
    key = await langfuse.application(request)
    asked: Asked = request.query_params
    version, label = asked.get("version"), asked.get("label")
    if version and label:
        raise InvalidRequest("say a version or a label, not both", param="version")
    if version and not (version.isascii() and version.isdecimal()):
        raise InvalidRequest(f"version must be a number, not {version[:40]!r}", param="version")
    which = int(version[:9]) if version else label or PRODUCTION
    if (asked.get("resolve") or "").lower() == "false":
        return shown(await langfuse.library.prompts.version(key.project_id, name.removeprefix("/"), which))
    seen, composition = await langfuse.library.prompts.composed(key.project_id, name.removeprefix("/"), which)
    return shown(seen, composition)


@patch("/v2/prompts/{name:path}", include_in_schema=False)
async def put_labels(langfuse: PartsDep, request: Request[Any, Any, Any], name: FromPath[str]) -> dict[str, Any]:
    """Give a version exactly these labels, which those that had them lose."""
    key = await langfuse.editor(request)
    found = _VERSION.fullmatch(name.removeprefix("/"))
    if found is None:
        raise NotFound("labels are put on /api/public/v2/prompts/{name}/versions/{version}")
    body = mapping(await langfuse.body(request))
    labels = [scalar(one) for one in listing(body.get("newLabels"))]
    return shown(
        await langfuse.library.prompts.put_labels(
            key.project_id, found[1], int(found[2]), labels, only=True, actor=actor_of(key)
        )
    )


@delete("/v2/prompts/{name:path}", status_code=204, include_in_schema=False)
async def remove(langfuse: PartsDep, request: Request[Any, Any, Any], name: FromPath[str]) -> Response[None]:
    """Delete a prompt, or those of its versions that a number or a label says."""
    key = await langfuse.editor(request)
    asked: Asked = request.query_params
    which = asked.get("version") or asked.get("label") or None
    await langfuse.library.prompts.delete(key.project_id, name.removeprefix("/"), which, actor=actor_of(key))
    return Response(None, status_code=204)


HANDLERS = (list_all, create, find, put_labels, remove)


def shown(seen: PromptSeen, composition: Composition | None = None) -> dict[str, Any]:
    """Return a version in Langfuse's form, with the prompts that it names put in where their composition is given."""
    prompt, version = seen.prompt, seen.version
    content = version.content if composition is None else composition.content
    graph = None
    if composition is not None and composition.parts:
        graph = {"root": composition.root, "dependencies": composition.parts}
    return {
        "id": part_id(prompt.id, version.number),
        "projectId": prompt.project_id,
        "createdAt": said_at(version.created_at_ns),
        "updatedAt": said_at(prompt.updated_at_ns),
        "createdBy": version.author,
        "name": prompt.name,
        "version": version.number,
        "type": prompt.kind.value,
        "prompt": content if isinstance(content, str) else [_message(one) for one in content],
        "config": {} if version.config is None else version.config,
        "labels": list(seen.labels),
        "tags": list(prompt.tags),
        "commitMessage": version.message or None,
        "resolutionGraph": graph,
        "isActive": PRODUCTION in seen.labels,
    }


def _content(body: dict[str, Any]) -> Any:
    prompt, kind = body.get("prompt"), scalar(body.get("type")) or None
    if kind is not None and kind not in tuple(PromptKind):
        raise InvalidRequest(f"type must be text or chat, not {kind[:40]!r}", param="type")
    if kind == PromptKind.CHAT and not isinstance(prompt, list):
        raise InvalidRequest("the prompt of a chat is a list of messages", param="prompt")
    if kind != PromptKind.CHAT and not isinstance(prompt, str):
        raise InvalidRequest("the prompt must be a text; say type chat for messages", param="prompt")
    if isinstance(prompt, str):
        return prompt
    return [_plain(mapping(one)) for one in listing(prompt)]


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("type") == _PLACEHOLDER:
        return {"type": _PLACEHOLDER, "name": message.get("name")}
    return {name: value for name, value in message.items() if name != "type"}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    return message if message.get("type") == _PLACEHOLDER else {"type": _MESSAGE, **message}


async def _listed(langfuse: LangfuseParts, project_id: str, one: PromptListed) -> dict[str, Any]:
    last = await langfuse.library.prompts.version(project_id, one.prompt.id, LATEST)
    return {
        "name": one.prompt.name,
        "type": one.prompt.kind.value,
        "versions": one.numbers,
        "labels": sorted(one.labels),
        "tags": list(one.prompt.tags),
        "lastUpdatedAt": said_at(one.prompt.updated_at_ns),
        "lastConfig": {} if last.version.config is None else last.version.config,
    }
