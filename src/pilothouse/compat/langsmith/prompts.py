"""Prompts as LangSmith's SDKs push, pull, list and tag them: a repo is a prompt, a commit is a version."""

from typing import Any

from litestar import Request, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.asking import as_uuid, said_at, several, window
from pilothouse.compat.langsmith.manifests import content_of, manifest_of
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.prompt import LATEST, PromptKind, PromptSeen
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.prompts import NewPromptVersion, PromptChange, PromptListed
from pilothouse.store.metadata.prompts import PromptFilter

OWN = "-"
"""The owner that stands for the project of the key; another is a folder in the prompt's name."""
_MOST_VERSIONS = 10_000


@get("/repos", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return prompts by name."""
    key = await langsmith.sender(request)
    limit, offset = window(request)
    tags = several(request, "tags")
    wanted = PromptFilter(
        project_id=key.project_id, part=scalar(request.query_params.get("query")), tag=tags[0] if tags else "",
        limit=limit, offset=offset,
    )  # fmt: skip
    if scalar(request.query_params.get("is_public")) == "true":
        return {"repos": [], "total": 0}
    found, total = await langsmith.library.prompts.page(wanted)
    return {"repos": [await _repo(langsmith, key, one) for one in found], "total": total}


@post("/repos", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make a prompt that has no version yet."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    if body.get("is_public") is True:
        raise InvalidRequest("a prompt cannot be made public here", param="is_public")
    change, name = _change(body), scalar(body.get("repo_handle"))
    made = await langsmith.library.prompts.create(key.project_id, name, PromptKind.CHAT, change, actor=actor_of(key))
    return {"repo": await _repo(langsmith, key, await langsmith.library.prompts.get(key.project_id, made.id))}


@get("/repos/{owner:str}/{repo:str}", include_in_schema=False)
async def find(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, Any]:
    """Return one prompt."""
    key = await langsmith.sender(request)
    return {"repo": await _repo(langsmith, key, await _named(langsmith, key, owner, repo))}


@patch("/repos/{owner:str}/{repo:str}", status_code=200, include_in_schema=False)
async def change(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, Any]:
    """Change what is said of a prompt; its versions stay."""
    key = await langsmith.editor(request)
    held = await _named(langsmith, key, owner, repo)
    wanted = _change(mapping(await langsmith.body(request)))
    done = await langsmith.library.prompts.change(key.project_id, held.prompt.id, wanted, actor=actor_of(key))
    return {"repo": await _repo(langsmith, key, done)}


@delete("/repos/{owner:str}/{repo:str}", status_code=200, include_in_schema=False)
async def remove(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, Any]:
    """Delete a prompt with all its versions."""
    key = await langsmith.editor(request)
    held = await _named(langsmith, key, owner, repo)
    await langsmith.library.prompts.delete(key.project_id, held.prompt.id, actor=actor_of(key))
    return {}


@post("/repos/{owner:str}/{repo:str}/tags", status_code=200, include_in_schema=False)
async def tag(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, Any]:
    """Put a tag on a commit, and take it from the one that had it."""
    key = await langsmith.editor(request)
    held = await _named(langsmith, key, owner, repo)
    body = mapping(await langsmith.body(request))
    commit, name = scalar(body.get("commit_id")), scalar(body.get("tag_name"))
    versions, _ = await langsmith.library.prompts.versions(key.project_id, held.prompt.id, _MOST_VERSIONS)
    found = next((one for one in versions if _commit_id(key, one) == commit), None)
    if found is None:
        raise NotFound(f"the prompt has no commit {commit[:80]!r}")
    await langsmith.library.prompts.put_labels(
        key.project_id, held.prompt.id, found.version.number, [name], actor=actor_of(key)
    )
    return {"tag_name": name, "commit_id": commit, "commit_hash": found.version.digest}


@get("/repos/{owner:str}/{repo:str}/tags", include_in_schema=False)
async def tags(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> list[dict[str, Any]]:
    """Return the tags of a prompt's commits."""
    key = await langsmith.sender(request)
    held = await _named(langsmith, key, owner, repo)
    found: list[dict[str, Any]] = []
    for name, number in held.labels.items():
        seen = await langsmith.library.prompts.version(key.project_id, held.prompt.id, number)
        found.append({"tag_name": name, "commit_id": _commit_id(key, seen), "commit_hash": seen.version.digest})
    return found


@get("/commits/{owner:str}/{repo:str}", include_in_schema=False)
async def commits(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, Any]:
    """Return the versions of a prompt, the newest first."""
    key = await langsmith.sender(request)
    held = await _named(langsmith, key, owner, repo)
    limit, offset = window(request)
    found, total = await langsmith.library.prompts.versions(key.project_id, held.prompt.id, limit, offset)
    return {"commits": [_commit(key, one) for one in found], "total": total}


@post("/commits/{owner:str}/{repo:str}", status_code=200, include_in_schema=False)
async def commit(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, Any]:
    """Make a version of a prompt; it must follow the newest."""
    key = await langsmith.editor(request)
    held = await _named(langsmith, key, owner, repo)
    body = mapping(await langsmith.body(request))
    manifest = body.get("manifest")
    if not isinstance(manifest, dict):
        raise InvalidRequest("`manifest` must be a JSON object", param="manifest")
    made = await langsmith.library.prompts.create_version(
        NewPromptVersion(
            project_id=key.project_id, name=held.prompt.name, content=content_of(manifest), native=manifest,
            message=scalar(body.get("description")), parent=scalar(body.get("parent_commit")) or None,
            refuse_same=True,
        ),
        actor=actor_of(key),
    )  # fmt: skip
    return {"commit": _commit(key, made)}


@get("/commits/{owner:str}/{repo:str}/{which:str}", include_in_schema=False)
async def find_commit(
    langsmith: PartsDep,
    request: Request[Any, Any, Any],
    owner: FromPath[str],
    repo: FromPath[str],
    which: FromPath[str],
) -> dict[str, Any]:
    """Return one version, by its hash, `latest` or a tag, as LangChain writes prompts down."""
    key = await langsmith.sender(request)
    held = await _named(langsmith, key, owner, repo)
    seen, composition = await langsmith.library.prompts.composed(key.project_id, held.prompt.id, which)
    manifest = mapping(seen.version.native) or manifest_of(composition.content)
    return {**_commit(key, seen), "manifest": manifest, "examples": []}


@post("/likes/{owner:str}/{repo:str}", status_code=200, include_in_schema=False)
async def like(
    langsmith: PartsDep, request: Request[Any, Any, Any], owner: FromPath[str], repo: FromPath[str]
) -> dict[str, int]:
    """Note that the key likes a prompt, or no longer does."""
    key = await langsmith.editor(request)
    held = await _named(langsmith, key, owner, repo)
    likes = mapping(await langsmith.body(request)).get("like") is not False
    return {"likes": await langsmith.library.prompts.like(held.prompt.id, actor_of(key), likes=likes)}


HANDLERS = (like, list_all, create, find, change, remove, tag, tags, commits, commit, find_commit)


async def _named(langsmith: LangSmithParts, key: VirtualKey, owner: str, repo: str) -> PromptListed:
    name = repo if owner == OWN else f"{owner}/{repo}"
    return await langsmith.library.prompts.get(key.project_id, name)


def _change(body: dict[str, Any]) -> PromptChange:
    said = body.get("description") if body.get("description") else body.get("readme")
    tags = body.get("tags")
    return PromptChange(
        None if said is None else scalar(said), None if tags is None else [scalar(one) for one in listing(tags)]
    )


async def _repo(langsmith: LangSmithParts, key: VirtualKey, listed: PromptListed) -> dict[str, Any]:
    prompt, last = listed.prompt, None
    if prompt.newest:
        last = (await langsmith.library.prompts.version(key.project_id, prompt.id, LATEST)).version.digest
    folder, _, name = prompt.name.rpartition("/")
    likes, liked = await langsmith.library.prompts.likes(prompt.id, actor_of(key))
    return {
        "id": as_uuid(key.project_id, prompt.id),
        "repo_handle": name,
        "full_name": f"{folder or OWN}/{name}",
        "owner": folder or None,
        "tenant_id": str(ids.tenant_id(key.project_id)),
        "description": prompt.description,
        "readme": "",
        "created_at": said_at(prompt.created_at_ns),
        "updated_at": said_at(prompt.updated_at_ns),
        "is_public": False,
        "is_archived": False,
        "tags": list(prompt.tags),
        "num_likes": likes,
        "num_downloads": 0,
        "num_views": 0,
        "num_commits": len(listed.numbers),
        "liked_by_auth_user": liked,
        "last_commit_hash": last,
    }


def _commit_id(key: VirtualKey, seen: PromptSeen) -> str:
    return as_uuid(key.project_id, f"{seen.prompt.id}:{seen.version.digest}")


def _commit(key: VirtualKey, seen: PromptSeen) -> dict[str, Any]:
    prompt, version = seen.prompt, seen.version
    folder, _, name = prompt.name.rpartition("/")
    return {
        "id": _commit_id(key, seen),
        "owner": folder or OWN,
        "repo": name,
        "repo_id": as_uuid(key.project_id, prompt.id),
        "commit_hash": version.digest,
        "parent_commit_hash": version.parent or None,
        "created_at": said_at(version.created_at_ns),
        "updated_at": said_at(version.created_at_ns),
        "description": version.message or None,
        "num_downloads": 0,
        "num_views": 0,
    }
