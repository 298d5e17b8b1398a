"""Datasets as LangSmith's SDKs make, find, change, tag and split them."""

from typing import Any

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.params import FromPath

from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.asking import as_uuid, said_at, several, uuid_of, when, window
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.dataset import Dataset, DatasetVersion
from pilothouse.errors import InvalidJson, InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.datasets import LATEST, DatasetChange, ItemPut, NewDataset
from pilothouse.store.metadata.datasets import DatasetFilter, ItemFilter

_KINDS = ("kv", "llm", "chat")
_MOST_ITEMS = 100_000
_MOST_DATASETS = 10_000
_CHANGES = {
    "name": "name",
    "description": "description",
    "metadata": "metadata",
    "inputs_schema_definition": "input_schema",
    "outputs_schema_definition": "expected_output_schema",
}


@post("/datasets", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make a dataset; a name that is taken is a conflict."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    kind = kind_of(body.get("data_type"))
    metadata = mapping(body.get("extra")).get("metadata") or body.get("metadata")
    made = await langsmith.library.datasets.create(
        NewDataset(
            project_id=key.project_id,
            id=str(uuid_of(body["id"], "id")) if body.get("id") else "",
            name=scalar(body.get("name")),
            description=scalar(body.get("description")),
            metadata=metadata,
            input_schema=body.get("inputs_schema_definition"),
            expected_output_schema=body.get("outputs_schema_definition"),
            details={"data_type": kind, "transformations": body.get("transformations")},
        ),
        actor=actor_of(key),
    )
    return shown(made)


@get("/datasets", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return datasets by name."""
    key = await langsmith.sender(request)
    asked = request.query_params
    limit, offset = window(request)
    wanted_ids, kind, metadata = several(request, "id"), scalar(asked.get("data_type")), _object(request, "metadata")
    if name := scalar(asked.get("name")):
        try:
            found = [await langsmith.library.datasets.get(key.project_id, name)]
        except NotFound:
            return []
    else:
        particular = bool(kind or metadata)
        wanted = DatasetFilter(
            project_id=key.project_id, part=scalar(asked.get("name_contains")), ids=tuple(wanted_ids),
            limit=_MOST_DATASETS if particular else limit, offset=0 if particular else offset,
        )  # fmt: skip
        found, _ = await langsmith.library.datasets.page(wanted)
        if not particular:
            return [shown(one) for one in found]
    kept = [
        told
        for told in map(shown, found)
        if (not wanted_ids or told["id"] in wanted_ids) and kind in ("", told["data_type"])
        if metadata.items() <= (told["metadata"] or {}).items()
    ]
    return kept[offset : offset + limit]


@get("/datasets/{dataset:str}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Return one dataset."""
    key = await langsmith.sender(request)
    return shown(await _found(langsmith, key, dataset))


@patch("/datasets/{dataset:str}", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Change a dataset as a whole."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    values = {ours: body[theirs] for theirs, ours in _CHANGES.items() if body.get(theirs) is not None}
    wanted = DatasetChange(**values)
    done = await langsmith.library.datasets.change(
        key.project_id, str(uuid_of(dataset, "dataset_id")), wanted, actor=actor_of(key)
    )
    return shown(done)


@delete("/datasets/{dataset:str}", status_code=200, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, str]:
    """Delete a dataset with its examples and experiments; traces stay."""
    key = await langsmith.editor(request)
    wanted = str(uuid_of(dataset, "dataset_id"))
    await langsmith.library.datasets.delete(key.project_id, wanted, actor=actor_of(key))
    return {"message": "Dataset deleted"}


@get("/datasets/{dataset:str}/versions", include_in_schema=False)
async def versions(
    langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]
) -> list[dict[str, Any]]:
    """Return a dataset's versions, the newest first."""
    key = await langsmith.sender(request)
    held = await _found(langsmith, key, dataset)
    limit, offset = window(request)
    found, _ = await langsmith.library.datasets.versions(key.project_id, held.id, limit, offset)
    tags = await langsmith.library.datasets.tags(key.project_id, held.id)
    return [_version(one, tags, held) for one in found]


@get("/datasets/{dataset:str}/version", include_in_schema=False)
async def version(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Return the version at a time, or with a tag."""
    key = await langsmith.sender(request)
    held = await _found(langsmith, key, dataset)
    asked = scalar(request.query_params.get("tag")) or scalar(request.query_params.get("as_of")) or LATEST
    number = await version_number(langsmith, key, held, asked)
    found, _ = await langsmith.library.datasets.versions(key.project_id, held.id, 1, held.version - number)
    if number < 1 or not found:
        raise NotFound(f"the dataset had no version {asked[:80]!r}")
    return _version(found[0], await langsmith.library.datasets.tags(key.project_id, held.id), held)


@get("/datasets/{dataset:str}/versions/diff", include_in_schema=False)
async def diff(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Return which examples differ between two versions."""
    key = await langsmith.sender(request)
    held = await _found(langsmith, key, dataset)
    sides: list[dict[str, int]] = []
    for name in ("from_version", "to_version"):
        number = await version_number(langsmith, key, held, scalar(request.query_params.get(name)) or LATEST)
        wanted = ItemFilter(dataset_id=held.id, version=number, limit=_MOST_ITEMS)
        items, _ = await langsmith.library.datasets.items(key.project_id, wanted)
        sides.append({as_uuid(key.project_id, one.id): one.changed_at_ns for one in items})
    old, new = sides
    return {
        "examples_modified": [one for one in new if one in old and new[one] != old[one]],
        "examples_added": [one for one in new if one not in old],
        "examples_removed": [one for one in old if one not in new],
    }


@put("/datasets/{dataset:str}/tags", status_code=200, include_in_schema=False)
async def tag(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Put a tag on the version at a time."""
    key = await langsmith.editor(request)
    held = await _found(langsmith, key, dataset)
    body = mapping(await langsmith.body(request))
    number = await version_number(langsmith, key, held, scalar(body.get("as_of")) or LATEST)
    name = scalar(body.get("tag"))
    await langsmith.library.datasets.put_tag(key.project_id, held.id, name, number, actor=actor_of(key))
    found, _ = await langsmith.library.datasets.versions(key.project_id, held.id, 1, held.version - number)
    return _version(found[0], await langsmith.library.datasets.tags(key.project_id, held.id), held)


@get("/datasets/{dataset:str}/splits", include_in_schema=False)
async def splits(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> list[str]:
    """Return the names of a version's splits."""
    key = await langsmith.sender(request)
    held = await _found(langsmith, key, dataset)
    number = await version_number(langsmith, key, held, scalar(request.query_params.get("as_of")) or LATEST)
    return await langsmith.library.datasets.splits(key.project_id, held.id, number)


@put("/datasets/{dataset:str}/splits", status_code=200, include_in_schema=False)
async def put_split(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> list[str]:
    """Put examples into a split, or take them out of it."""
    key = await langsmith.editor(request)
    held = await _found(langsmith, key, dataset)
    body = mapping(await langsmith.body(request))
    name, remove_them = scalar(body.get("split_name")), body.get("remove") is True
    wanted = [str(uuid_of(one, "examples")) for one in listing(body.get("examples"))]
    known = await langsmith.library.datasets.current(key.project_id, wanted)
    puts: list[ItemPut] = []
    for one in known.values():
        others = [split for split in one.splits if split != name]
        puts.append(ItemPut(id=one.id, splits=others if remove_them else [*others, name]))
    if puts:
        await langsmith.library.datasets.put_items(key.project_id, held.id, puts, actor=actor_of(key), must_exist=True)
    return await langsmith.library.datasets.splits(key.project_id, held.id)


@post("/datasets/{dataset:str}/share", status_code=501, include_in_schema=False)
async def share(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> Response[Any]:
    """Refuse to make a dataset public."""
    await langsmith.editor(request)
    return Response({"detail": f"the dataset {dataset[:80]} cannot be made public here"}, status_code=501)


HANDLERS = (
    create, list_all, find, change, remove, versions, version, diff, tag, splits, put_split, share,
)  # fmt: skip


async def version_number(langsmith: LangSmithParts, key: VirtualKey, dataset: Dataset, text: str) -> int:
    """Return the number of the version that a time or a tag means."""
    return await langsmith.library.datasets.version_at(key.project_id, dataset.id, when(text))


def kind_of(said: Any) -> str:
    """Return the kind of a dataset's examples; raises `InvalidRequest` for one that is not there."""
    kind = scalar(said) or _KINDS[0]
    if kind not in _KINDS:
        raise InvalidRequest(f"`data_type` must be one of {', '.join(_KINDS)}", param="data_type")
    return kind


def shown(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset in LangSmith's form."""
    return {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description or None,
        "data_type": dataset.details.get("data_type") or _KINDS[0],
        "created_at": said_at(dataset.created_at_ns),
        "modified_at": said_at(dataset.updated_at_ns),
        "example_count": dataset.item_count,
        "session_count": None,
        "last_session_start_time": None,
        "inputs_schema_definition": dataset.input_schema,
        "outputs_schema_definition": dataset.expected_output_schema,
        "transformations": dataset.details.get("transformations"),
        "metadata": mapping(dataset.metadata) or None,
        "tenant_id": str(ids.tenant_id(dataset.project_id)),
    }


def _object(request: Request[Any, Any, Any], name: str) -> dict[str, Any]:
    """Return a JSON object of the query, an empty one when it says none."""
    text = scalar(request.query_params.get(name))
    try:
        return mapping(msgspec.json.decode(text)) if text else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidJson(f"`{name}` is not valid JSON: {error}") from error


def _version(version: DatasetVersion, tags: dict[str, int], dataset: Dataset) -> dict[str, Any]:
    names = [tag for tag, number in tags.items() if number == version.number]
    names += [LATEST] * (version.number == dataset.version)
    return {"tags": names or None, "as_of": said_at(version.at_ns)}


async def _found(langsmith: LangSmithParts, key: VirtualKey, dataset: str) -> Dataset:
    return await langsmith.library.datasets.get(key.project_id, str(uuid_of(dataset, "dataset_id")))
