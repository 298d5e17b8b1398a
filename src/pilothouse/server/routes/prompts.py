"""Prompts: names with versions that never change, and labels that move between them."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, delete, get, patch, post, put
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from pilothouse.domain.prompt import PromptKind, PromptSeen, variables
from pilothouse.errors import InvalidRequest
from pilothouse.registry.naming import ANY_NAME
from pilothouse.registry.prompts import NewPromptVersion, PromptChange, PromptListed
from pilothouse.server.callers import CallerDep, ProjectDep
from pilothouse.server.offsets import cursor_after, offset_of
from pilothouse.server.parts import Parts
from pilothouse.server.queries import PageDep
from pilothouse.server.replies import OnceDep
from pilothouse.server.views import at
from pilothouse.store.metadata.prompts import PromptFilter


class PromptView(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt as a whole."""

    id: str
    name: str
    kind: PromptKind
    description: str
    tags: list[str]
    versions: list[int]
    """The numbers of its versions."""
    labels: dict[str, int]
    """Each with the number of the version that it is on; `latest` among them."""
    created_at: datetime
    updated_at: datetime


class PromptPage(msgspec.Struct, frozen=True):
    """A page of prompts, by name."""

    items: list[PromptView]
    next_cursor: str | None
    total: int


class PromptVersionView(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt."""

    prompt_id: str
    name: str
    kind: PromptKind
    number: int
    digest: str
    """64 hexadecimal digits; the first 7 or more name the version too."""
    content: str | list[dict[str, Any]]
    """A text, or messages; variables stand in double braces."""
    config: Any
    native: Any
    """The document of the product from which it came; null where content is all there is."""
    variables: list[str]
    labels: list[str]
    tags: list[str]
    message: str
    author: str
    created_at: datetime


class PromptVersionPage(msgspec.Struct, frozen=True):
    """A page of versions, the newest first."""

    items: list[PromptVersionView]
    next_cursor: str | None
    total: int


class PromptVersionBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A new version; it makes the prompt when there is none of that name."""

    name: str
    content: str | list[dict[str, Any]]
    config: Any = None
    message: str = ""
    labels: list[str] = []
    tags: list[str] | None = None
    description: str | None = None
    parent: str | None = None
    """The digest of the version that it follows; with another newest version it is refused."""


class PromptBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be new of a prompt; what is left out stays."""

    description: str | None = None
    tags: list[str] | None = None


class LabelBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a label goes."""

    version: int


PromptName = Annotated[str, PathParameter(description="The prompt's id, or its name when that holds no slash.")]
Name = Annotated[str, QueryParameter(description="The prompt's name, where the address says `-` for it.")]
Composed = Annotated[str, QueryParameter(description="`true` puts the prompts in that it names.")]
Part = Annotated[str, QueryParameter(description="Part of the name.")]
Tag = Annotated[str, QueryParameter(description="A tag that they have.")]
Label = Annotated[str, QueryParameter(description="A label that a version of them has.")]
Which = Annotated[
    str, PathParameter(description="The version's number, a label such as `production`, or the start of its digest.")
]


@get("/prompts", operation_id="listPrompts", summary="List prompts")
async def list_all(
    parts: Parts, project: ProjectDep, page: PageDep, q: Part = "", tag: Tag = "", label: Label = ""
) -> PromptPage:
    """Return the project's prompts by name."""
    wanted = PromptFilter(project_id=project, part=q, tag=tag, label=label, limit=page.limit, offset=offset_of(page))
    found, total = await parts.library.prompts.page(wanted)
    return PromptPage([prompt_view(one) for one in found], cursor_after(page, len(found), total), total)


@post("/prompts", operation_id="createPromptVersion", summary="Make a version of a prompt")
async def create(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    data: JSONBody[PromptVersionBody],
    once: OnceDep,
    request: Request[Any, Any, Any],
) -> PromptVersionView:
    """Make a version, and the prompt with its first; labels move to it from those that had them."""
    wanted = NewPromptVersion(project_id=project, **msgspec.structs.asdict(data))

    async def make() -> PromptVersionView:
        return version_view(await parts.library.prompts.create_version(wanted, actor=caller.actor))

    return await once(request, PromptVersionView, make)


@get("/prompts/{prompt:str}", operation_id="getPrompt", summary="Show a prompt")
async def show(parts: Parts, project: ProjectDep, prompt: PromptName) -> PromptView:
    """Return one prompt with the numbers of its versions and its labels."""
    return prompt_view(await parts.library.prompts.get(project, prompt))


@patch("/prompts/{prompt:str}", operation_id="changePrompt", summary="Change a prompt")
async def change(
    parts: Parts, caller: CallerDep, project: ProjectDep, prompt: PromptName, data: JSONBody[PromptBody]
) -> PromptView:
    """Give a prompt another description or other tags; its versions stay as they are."""
    wanted = PromptChange(data.description, data.tags)
    return prompt_view(await parts.library.prompts.change(project, prompt, wanted, actor=caller.actor))


@delete("/prompts/{prompt:str}", operation_id="deletePrompt", summary="Delete a prompt", status_code=204)
async def remove(parts: Parts, caller: CallerDep, project: ProjectDep, prompt: PromptName) -> None:
    """Delete a prompt with all its versions."""
    await parts.library.prompts.delete(project, prompt, actor=caller.actor)


@get("/prompts/{prompt:str}/versions", operation_id="listPromptVersions", summary="List versions of a prompt")
async def versions(parts: Parts, project: ProjectDep, page: PageDep, prompt: PromptName) -> PromptVersionPage:
    """Return the versions of a prompt, the newest first."""
    found, total = await parts.library.prompts.versions(project, prompt, page.limit, offset_of(page))
    return PromptVersionPage([version_view(one) for one in found], cursor_after(page, len(found), total), total)


@get("/prompts/{prompt:str}/versions/{version:str}", operation_id="getPromptVersion", summary="Show a prompt's version")
async def version(
    parts: Parts, project: ProjectDep, prompt: PromptName, version: Which, name: Name = "", composed: Composed = ""
) -> PromptVersionView:
    """Return one version of a prompt; as it was written, or with the prompts that it names put in."""
    if prompt == ANY_NAME and not name:
        raise InvalidRequest("say the prompt's `name`", param="name")
    wanted = name if prompt == ANY_NAME else prompt
    if composed not in ("", "true", "false"):
        raise InvalidRequest("`composed` is true or false", param="composed")
    if composed != "true":
        return version_view(await parts.library.prompts.version(project, wanted, version))
    seen, whole = await parts.library.prompts.composed(project, wanted, version)
    put_in = msgspec.structs.replace(seen.version, content=whole.content)
    return version_view(msgspec.structs.replace(seen, version=put_in))


@delete(
    "/prompts/{prompt:str}/versions/{version:str}",
    operation_id="deletePromptVersion",
    summary="Delete a prompt's version",
    status_code=204,
)
async def remove_version(
    parts: Parts, caller: CallerDep, project: ProjectDep, prompt: PromptName, version: Which
) -> None:
    """Delete one version; its number is not given again."""
    await parts.library.prompts.delete(project, prompt, version, actor=caller.actor)


@put("/prompts/{prompt:str}/labels/{label:str}", operation_id="putPromptLabel", summary="Move a label")
async def put_label(
    parts: Parts,
    caller: CallerDep,
    project: ProjectDep,
    prompt: PromptName,
    label: FromPath[str],
    data: JSONBody[LabelBody],
) -> PromptView:
    """Put a label on a version, and take it from the one that had it."""
    await parts.library.prompts.put_labels(project, prompt, data.version, [label], actor=caller.actor)
    return prompt_view(await parts.library.prompts.get(project, prompt))


@delete(
    "/prompts/{prompt:str}/labels/{label:str}",
    operation_id="deletePromptLabel",
    summary="Take a label away",
    status_code=204,
)
async def remove_label(
    parts: Parts, caller: CallerDep, project: ProjectDep, prompt: PromptName, label: FromPath[str]
) -> None:
    """Take a label away from the version that has it."""
    await parts.library.prompts.remove_label(project, prompt, label, actor=caller.actor)


HANDLERS = (
    list_all, create, show, change, remove, versions, version, remove_version, put_label, remove_label,
)  # fmt: skip


def prompt_view(listed: PromptListed) -> PromptView:
    """Return a prompt as the API shows it."""
    prompt = listed.prompt
    return PromptView(
        id=prompt.id,
        name=prompt.name,
        kind=prompt.kind,
        description=prompt.description,
        tags=list(prompt.tags),
        versions=listed.numbers,
        labels=listed.labels,
        created_at=at(prompt.created_at_ns),
        updated_at=at(prompt.updated_at_ns),
    )


def version_view(seen: PromptSeen) -> PromptVersionView:
    """Return a version as the API shows it."""
    prompt, version = seen.prompt, seen.version
    return PromptVersionView(
        prompt_id=prompt.id,
        name=prompt.name,
        kind=prompt.kind,
        number=version.number,
        digest=version.digest,
        content=version.content,
        config=version.config,
        native=version.native,
        variables=list(variables(version.content)),
        labels=list(seen.labels),
        tags=list(prompt.tags),
        message=version.message,
        author=version.author,
        created_at=at(version.created_at_ns),
    )
