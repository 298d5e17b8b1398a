"""Examples, which are a dataset's items, as LangSmith's SDKs make, read, change and remove them."""

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import Request, Router, delete, get, patch, post
from litestar.params import FromPath

from pilothouse.compat.langsmith import example_filters, ids, multipart
from pilothouse.compat.langsmith.answers import failed
from pilothouse.compat.langsmith.asking import as_uuid, said_at, several, uuid_of, window
from pilothouse.compat.langsmith.datasets import version_number
from pilothouse.compat.langsmith.example_files import OPERATIONS, with_files
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.compat.media import address
from pilothouse.domain.access import VirtualKey
from pilothouse.domain.dataset import Attachment, DatasetItem
from pilothouse.errors import InvalidJson, InvalidRequest, NotFound
from pilothouse.otlp.values import moment_ns
from pilothouse.protocols.loose import listing, mapping, objects, scalar
from pilothouse.registry.datasets import LATEST, Changed, ItemPut
from pilothouse.store.metadata.datasets import ItemFilter

_SPLIT = "dataset_split"
_ATTACHMENT = "attachment."
_UNSAID = (b"null", b"{}")
_EVERY = 100_000
_UNSERVED = ("full_text_contains",)


@get("/examples", include_in_schema=False)
async def list_all(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Return examples of a dataset, as they were in a version or as they are."""
    key = await langsmith.sender(request)
    asked = request.query_params
    for name in _UNSERVED:
        if scalar(asked.get(name)):
            raise InvalidRequest(f"examples cannot be filtered by `{name}` here", param=name)
    limit, offset = window(request)
    wanted_ids = [str(uuid_of(one, "id")) for one in several(request, "id")]
    if not scalar(asked.get("dataset")):
        found = await langsmith.library.datasets.current(key.project_id, wanted_ids)
        return [shown(request, key, one) for one in list(found.values())[offset : offset + limit]]
    dataset = await langsmith.library.datasets.get(key.project_id, str(uuid_of(asked["dataset"], "dataset")))
    tests = [example_filters.having(mapping(_decoded(text)))] if (text := scalar(asked.get("metadata"))) else []
    if text := scalar(asked.get("filter")):
        tests.append(example_filters.of(text))
    wanted = ItemFilter(
        dataset_id=dataset.id,
        version=await version_number(langsmith, key, dataset, scalar(asked.get("as_of")) or LATEST),
        ids=tuple(wanted_ids),
        splits=tuple(several(request, "splits")),
        limit=_EVERY if tests else limit,
        offset=0 if tests else offset,
    )
    items, _ = await langsmith.library.datasets.items(key.project_id, wanted)
    if tests:
        kept = [one for one in items if all(fits(mapping(one.metadata)) for fits in tests)]
        items = kept[offset : offset + limit]
    return [shown(request, key, one) for one in items]


@get("/examples/{example:str}", include_in_schema=False)
async def find(langsmith: PartsDep, request: Request[Any, Any, Any], example: FromPath[str]) -> dict[str, Any]:
    """Return one example."""
    key = await langsmith.sender(request)
    item = await langsmith.library.datasets.item(key.project_id, str(uuid_of(example, "example_id")))
    as_of = scalar(request.query_params.get("as_of"))
    if as_of and as_of != LATEST:
        dataset = await langsmith.library.datasets.get(key.project_id, item.dataset_id)
        number = await version_number(langsmith, key, dataset, as_of)
        wanted = ItemFilter(dataset_id=dataset.id, version=number, ids=(item.id,))
        found, _ = await langsmith.library.datasets.items(key.project_id, wanted)
        if not found:
            raise NotFound(f"the example {item.id} was not there at {as_of[:40]!r}")
        item = found[0]
    return shown(request, key, item)


@post("/examples", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make an example."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    done = await _put(langsmith, key, str(uuid_of(body.get("dataset_id"), "dataset_id")), [_item(body)])
    return shown(request, key, done.items[0])


@post("/examples/bulk", status_code=200, include_in_schema=False)
async def create_many(langsmith: PartsDep, request: Request[Any, Any, Any]) -> list[dict[str, Any]]:
    """Make examples, all of them or none."""
    key = await langsmith.editor(request)
    bodies = objects(await langsmith.body(request))
    datasets = {str(uuid_of(one.get("dataset_id"), "dataset_id")) for one in bodies}
    if len(datasets) != 1:
        raise InvalidRequest("all examples of a request belong to one dataset", param="dataset_id")
    done = await _put(langsmith, key, datasets.pop(), [_item(one) for one in bodies])
    return [shown(request, key, one) for one in done.items]


@patch("/examples/bulk", status_code=200, include_in_schema=False)
async def change_many(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Change examples, all of them or none."""
    key = await langsmith.editor(request)
    bodies = [(one, _item(one)) for one in objects(await langsmith.body(request))]
    first = await langsmith.library.datasets.item(key.project_id, bodies[0][1].id if bodies else "")
    known = await langsmith.library.datasets.current(key.project_id, [put.id for _, put in bodies])
    puts = [with_files(put, body.get(OPERATIONS), (), known.get(put.id)) for body, put in bodies]
    done = await _put(langsmith, key, first.dataset_id, puts, must_exist=True)
    return {"message": f"{len(done.items)} examples updated", "count": len(done.items)}


@patch("/examples/{example:str}", status_code=200, include_in_schema=False)
async def change(langsmith: PartsDep, request: Request[Any, Any, Any], example: FromPath[str]) -> dict[str, Any]:
    """Change an example."""
    key = await langsmith.editor(request)
    body = {**mapping(await langsmith.body(request)), "id": str(uuid_of(example, "example_id"))}
    held = await langsmith.library.datasets.item(key.project_id, body["id"])
    put = with_files(_item(body), body.get(OPERATIONS), (), held)
    done = await _put(langsmith, key, held.dataset_id, [put], must_exist=True)
    return {**shown(request, key, done.items[0]), "message": f"Example {body['id']} updated"}


@delete("/examples/{example:str}", status_code=200, include_in_schema=False)
async def remove(langsmith: PartsDep, request: Request[Any, Any, Any], example: FromPath[str]) -> dict[str, str]:
    """Remove an example; versions before keep it."""
    key = await langsmith.editor(request)
    wanted = str(uuid_of(example, "example_id"))
    await langsmith.library.datasets.remove_items(key.project_id, [wanted], actor=actor_of(key))
    return {"message": f"Example {wanted} deleted"}


@delete("/examples", status_code=200, include_in_schema=False)
async def remove_many(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, str]:
    """Remove examples."""
    key = await langsmith.editor(request)
    wanted = [str(uuid_of(one, "example_ids")) for one in several(request, "example_ids")]
    await langsmith.library.datasets.remove_items(key.project_id, wanted, actor=actor_of(key))
    return {"message": f"{len(wanted)} examples deleted"}


@post("/datasets/{dataset:str}/examples", status_code=201, include_in_schema=False)
async def upload(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Make examples that came as the parts of a form, with their files."""
    return await _take_form(langsmith, request, dataset, must_exist=False)


@patch("/datasets/{dataset:str}/examples", status_code=200, include_in_schema=False)
async def reload(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> dict[str, Any]:
    """Change examples likewise."""
    return await _take_form(langsmith, request, dataset, must_exist=True)


@post("/datasets/examples/delete", status_code=200, include_in_schema=False)
async def erase(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Remove examples, with `hard_delete` from the versions before, too."""
    key = await langsmith.editor(request)
    body = mapping(await langsmith.body(request))
    wanted = list(dict.fromkeys(str(uuid_of(one, "example_ids")) for one in listing(body.get("example_ids"))))
    datasets = langsmith.library.datasets
    remove_them = datasets.erase_items if body.get("hard_delete") is True else datasets.remove_items
    await remove_them(key.project_id, wanted, actor=actor_of(key))
    return {"message": f"{len(wanted)} examples deleted", "count": len(wanted)}


HANDLERS = (list_all, find, create, create_many, change_many, change, remove, remove_many)
PLATFORM_HANDLERS = (upload, reload, erase)


PLATFORM_ROUTER = Router("/v1/platform", route_handlers=[*PLATFORM_HANDLERS], exception_handlers={Exception: failed})
"""Where SDKs look for them when their endpoint is a bare host."""


async def _take_form(
    langsmith: LangSmithParts, request: Request[Any, Any, Any], dataset: str, *, must_exist: bool
) -> dict[str, Any]:
    key = await langsmith.editor(request)
    data = await langsmith.data(request)
    bodies: dict[str, dict[str, Any]] = {}
    files: dict[str, list[Attachment]] = {}
    for part in multipart.parts_of(request.headers.get("content-type", ""), data):
        named, _, field = part.name.partition(".")
        example = str(uuid_of(named, "id"))
        body = bodies.setdefault(example, {"id": example})
        if field.startswith(_ATTACHMENT):
            kind = part.content_type.partition(";")[0].strip()
            media = await langsmith.library.media.keep(key.project_id, part.body, kind)
            file = Attachment(field.removeprefix(_ATTACHMENT), media.id, kind, media.sha256)
            files.setdefault(example, []).append(file)
        elif must_exist and field and part.body.strip() in _UNSAID:
            continue  # SDKs up to 0.3 write empty parts for what they leave as it is
        elif field in ("", "inputs", "outputs", OPERATIONS):
            value = _decoded(part.body)
            body.update({field: value} if field else mapping(value))
        else:
            raise InvalidRequest(f"a part has no such name: {part.name[:100]!r}")
    known = await langsmith.library.datasets.current(key.project_id, list(bodies)) if must_exist else {}
    puts = [
        with_files(_item(body), body.get(OPERATIONS), files.get(example, ()), known.get(example))
        for example, body in bodies.items()
    ]
    done = await _put(langsmith, key, str(uuid_of(dataset, "dataset_id")), puts, must_exist=must_exist)
    found = [as_uuid(key.project_id, one.id) for one in done.items]
    return {"count": len(found), "example_ids": found, "as_of": said_at(done.version.at_ns)}


async def _put(
    langsmith: LangSmithParts, key: VirtualKey, dataset: str, puts: Sequence[ItemPut], *, must_exist: bool = False
) -> Changed:
    return await langsmith.library.datasets.put_items(
        key.project_id, dataset, puts, actor=actor_of(key), must_exist=must_exist
    )


def _item(body: dict[str, Any]) -> ItemPut:
    values: dict[str, Any] = {}
    for name, said in (("input", "inputs"), ("expected_output", "outputs")):
        if body.get(said) is not None:
            values[name] = body[said]
    metadata = dict(mapping(body.get("metadata")))
    split = body.get("split") if body.get("split") is not None else metadata.pop(_SPLIT, None)
    if split is not None:
        values["splits"] = [scalar(one) for one in (listing(split) or [split]) if scalar(one)]
    if body.get("metadata") is not None:
        values["metadata"] = metadata
    if body.get("source_run_id"):
        run = uuid_of(body["source_run_id"], "source_run_id")
        values |= {"source_trace_id": str(run), "source_span_id": ids.span_id(run)}
    created_ns = moment_ns(body.get("created_at"))
    if created_ns is not None:
        values["created_at_ns"] = created_ns
    example = body.get("id") or body.get("example_id")
    return ItemPut(id=str(uuid_of(example, "id")) if example else "", **values)


def shown(request: Request[Any, Any, Any], key: VirtualKey, item: DatasetItem) -> dict[str, Any]:
    """Return an item as an example."""
    files = {
        f"{_ATTACHMENT}{one.name}": {
            "presigned_url": address(request, key.project_id, one.media_id, one.sha256),
            "s3_url": one.media_id,
            "mime_type": one.content_type,
        }
        for one in item.attachments
    }
    metadata = {**mapping(item.metadata), **({_SPLIT: list(item.splits)} if item.splits else {})}
    run = item.source_trace_id if ids.uuid_of(item.source_trace_id) else None
    return {
        "id": as_uuid(key.project_id, item.id),
        "dataset_id": item.dataset_id,
        "inputs": _object(item.input, "input") or {},
        "outputs": _object(item.expected_output, "output"),
        "metadata": metadata or None,
        "created_at": said_at(item.created_at_ns),
        "modified_at": said_at(item.changed_at_ns),
        "source_run_id": run,
        "attachment_urls": files or None,
        "name": item.id,
    }


def _object(value: Any, name: str) -> dict[str, Any] | None:
    """Return inputs or outputs, which are objects always."""
    if value is None:
        return None
    return mapping(value) if isinstance(value, dict) else {name: value}


def _decoded(text: str | bytes) -> Any:
    if not text:
        return {}
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidJson(f"a part or parameter is not valid JSON: {error}") from error
