"""Datasets and their items as Langfuse's SDKs make, list, change and remove them."""

import re
from collections.abc import Iterator
from typing import Any

from litestar import Request, delete, get, post
from litestar.params import FromPath

from pilothouse.compat.langfuse.asking import Asked, page_of, pages, said_at, time_ns
from pilothouse.compat.langfuse.parts import LangfuseParts, PartsDep, actor_of
from pilothouse.compat.media import LASTS, address_of
from pilothouse.domain.dataset import Dataset, DatasetItem, ItemStatus
from pilothouse.errors import InvalidRequest, NotFound
from pilothouse.protocols.loose import listing, mapping, scalar
from pilothouse.registry.datasets import ItemPut, NewDataset
from pilothouse.store.metadata.datasets import DatasetFilter, ItemFilter

_NEWEST = -1
_REFERENCE = re.compile(r"@@@langfuseMedia:type=[^|@]*\|id=([A-Za-z0-9_-]{22})\|source=[^|@]*@@@")
_MOST_REFERENCES = 100
_FIELDS = {"input": "input", "expected_output": "expectedOutput", "metadata": "metadata"}


@post(["/v2/datasets", "/datasets"], status_code=200, include_in_schema=False)
async def create(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make a dataset, or make the one of the name be as this one."""
    key = await langfuse.editor(request)
    body = mapping(await langfuse.body(request))
    new = NewDataset(
        project_id=key.project_id,
        name=scalar(body.get("name")),
        description=scalar(body.get("description")),
        metadata=body.get("metadata"),
        input_schema=body.get("inputSchema"),
        expected_output_schema=body.get("expectedOutputSchema"),
    )
    return shown(await langfuse.library.datasets.create(new, actor=actor_of(key), upsert=True))


@get("/v2/datasets", include_in_schema=False)
async def list_all(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of datasets by name."""
    key = await langfuse.reader(request)
    page, limit = page_of(request.query_params)
    wanted = DatasetFilter(project_id=key.project_id, limit=limit, offset=(page - 1) * limit)
    found, total = await langfuse.library.datasets.page(wanted)
    return {"data": [shown(one) for one in found], "meta": pages(page, limit, total)}


@get("/v2/datasets/{name:path}", include_in_schema=False)
async def find(langfuse: PartsDep, request: Request[Any, Any, Any], name: FromPath[str]) -> dict[str, Any]:
    """Return one dataset."""
    key = await langfuse.reader(request)
    return shown(await langfuse.library.datasets.get(key.project_id, name.removeprefix("/")))


@post("/dataset-items", status_code=200, include_in_schema=False)
async def put_item(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make an item, or change the one of the id."""
    key = await langfuse.editor(request)
    body = mapping(await langfuse.body(request))
    done = await langfuse.library.datasets.put_items(
        key.project_id, scalar(body.get("datasetName")), [_put(body)], actor=actor_of(key)
    )
    return await item_shown(langfuse, request, done.items[0], done.dataset)


@get("/dataset-items", include_in_schema=False)
async def list_items(langfuse: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return a page of a dataset's items, the newest first, as they were at a time or as they are."""
    key = await langfuse.reader(request)
    asked: Asked = request.query_params
    page, limit = page_of(asked)
    name, at_ns = asked.get("datasetName"), time_ns(asked, "version")
    if not name:
        raise InvalidRequest("items are listed by dataset here: say which with datasetName", param="datasetName")
    dataset = await langfuse.library.datasets.get(key.project_id, name)
    version = _NEWEST
    if at_ns is not None:
        version = await langfuse.library.datasets.version_at(key.project_id, dataset.id, at_ns)
    wanted = ItemFilter(
        dataset_id=dataset.id, version=version, source_trace_id=asked.get("sourceTraceId") or "",
        source_span_id=asked.get("sourceObservationId") or "", status=ItemStatus.ACTIVE if at_ns else None,
        newest_first=True, limit=limit, offset=(page - 1) * limit,
    )  # fmt: skip
    found, total = await langfuse.library.datasets.items(key.project_id, wanted)
    data = [await item_shown(langfuse, request, one, dataset) for one in found]
    return {"data": data, "meta": pages(page, limit, total)}


@get("/dataset-items/{item:path}", include_in_schema=False)
async def find_item(langfuse: PartsDep, request: Request[Any, Any, Any], item: FromPath[str]) -> dict[str, Any]:
    """Return one item."""
    key = await langfuse.reader(request)
    found = await langfuse.library.datasets.item(key.project_id, item.removeprefix("/"))
    dataset = await langfuse.library.datasets.get(key.project_id, found.dataset_id)
    return await item_shown(langfuse, request, found, dataset)


@delete("/dataset-items/{item:path}", status_code=200, include_in_schema=False)
async def remove_item(langfuse: PartsDep, request: Request[Any, Any, Any], item: FromPath[str]) -> dict[str, str]:
    """Remove an item."""
    key = await langfuse.editor(request)
    await langfuse.library.datasets.remove_items(key.project_id, [item.removeprefix("/")], actor=actor_of(key))
    return {"message": "Dataset item successfully deleted"}


HANDLERS = (create, list_all, find, put_item, list_items, find_item, remove_item)


def shown(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset in Langfuse's form."""
    return {
        "id": dataset.id,
        "name": dataset.name,
        "description": dataset.description or None,
        "metadata": dataset.metadata,
        "inputSchema": dataset.input_schema,
        "expectedOutputSchema": dataset.expected_output_schema,
        "projectId": dataset.project_id,
        "createdAt": said_at(dataset.created_at_ns),
        "updatedAt": said_at(dataset.updated_at_ns),
    }


async def item_shown(
    langfuse: LangfuseParts, request: Request[Any, Any, Any], item: DatasetItem, dataset: Dataset
) -> dict[str, Any]:
    """Return an item in Langfuse's form."""
    return {
        "id": item.id,
        "status": item.status.value.upper(),
        "input": item.input,
        "expectedOutput": item.expected_output,
        "metadata": item.metadata,
        "sourceTraceId": item.source_trace_id or None,
        "sourceObservationId": item.source_span_id or None,
        "datasetId": dataset.id,
        "datasetName": dataset.name,
        "createdAt": said_at(item.created_at_ns),
        "updatedAt": said_at(item.changed_at_ns),
        "version": said_at(item.changed_at_ns),
        "mediaReferences": await _references(langfuse, request, item, dataset.project_id),
    }


def _put(body: dict[str, Any]) -> ItemPut:
    values: dict[str, Any] = {}
    for name, said in _FIELDS.items():
        if body.get(said) is not None:
            values[name] = body[said]
    for name, said in (("source_trace_id", "sourceTraceId"), ("source_span_id", "sourceObservationId")):
        if body.get(said) is not None:
            values[name] = scalar(body[said])
    status = scalar(body.get("status")).lower()
    if status:
        if status not in tuple(ItemStatus):
            raise InvalidRequest("status must be ACTIVE or ARCHIVED", param="status")
        values["status"] = ItemStatus(status)
    return ItemPut(id=scalar(body.get("id")), **values)


async def _references(
    langfuse: LangfuseParts, request: Request[Any, Any, Any], item: DatasetItem, project_id: str
) -> list[dict[str, Any]]:
    """Return the media that texts in an item name."""
    found: list[dict[str, Any]] = []
    for name, said in _FIELDS.items():
        for path, text in _texts(getattr(item, name), "$"):
            for mark in _REFERENCE.finditer(text):
                try:
                    media = await langfuse.library.media.get(project_id, mark[1])
                except NotFound:
                    continue
                held = {
                    "mediaId": media.id, "contentType": media.content_type, "contentLength": media.size_bytes,
                    "url": address_of(request, media), "urlExpiry": LASTS,
                }  # fmt: skip
                found.append({"field": said, "referenceString": mark[0], "jsonPath": path, "media": held})
                if len(found) >= _MOST_REFERENCES:
                    return found
    return found


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if "@@@" in value:
            yield path, value
    elif isinstance(value, list):
        for place, one in enumerate(listing(value)):
            yield from _texts(one, f"{path}[{place}]")
    else:
        for name, one in mapping(value).items():
            quoted = name.replace("\\", "\\\\").replace("'", "\\'")
            yield from _texts(one, f"{path}['{quoted}']")
