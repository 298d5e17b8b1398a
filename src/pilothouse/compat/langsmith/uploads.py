"""Datasets, and examples of them, made of a file of comma-separated values."""

from typing import Any

import msgspec
from litestar import Request, post
from litestar.params import FromPath

from pilothouse.compat.arrival import worked
from pilothouse.compat.langsmith import multipart
from pilothouse.compat.langsmith.asking import uuid_of
from pilothouse.compat.langsmith.csv_files import Columns, examples_of
from pilothouse.compat.langsmith.datasets import kind_of, shown
from pilothouse.compat.langsmith.examples import shown as shown_example
from pilothouse.compat.langsmith.parts import LangSmithParts, PartsDep, actor_of
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.registry.datasets import ItemPut, NewDataset

_LISTS = ("input_keys", "output_keys", "metadata_keys")
_TEXTS = ("id", "name", "description", "data_type", "inputs_schema_definition", "outputs_schema_definition")
_CHAT = "chat"


class _Form(msgspec.Struct, frozen=True):
    """A file with what is said of it."""

    file: multipart.Part
    texts: dict[str, str]
    columns: Columns

    async def examples(self, kind: str) -> list[ItemPut]:
        """Return the new items of the file; raises `InvalidRequest` with the line of what is wrong."""
        data, columns = self.file.body, self.columns
        return await worked(lambda: examples_of(data, columns, chat=kind == _CHAT), len(data))


@post("/datasets/upload", status_code=200, include_in_schema=False)
async def create(langsmith: PartsDep, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Make a dataset of a file, or nothing; without a name it is called as the file is."""
    key = await langsmith.editor(request)
    form = await _form(langsmith, request)
    said = form.texts
    kind = kind_of(said.get("data_type"))
    made = await langsmith.library.datasets.create(
        NewDataset(
            project_id=key.project_id,
            id=str(uuid_of(said["id"], "id")) if said.get("id") else "",
            name=said.get("name") or form.file.filename,
            description=said.get("description", ""),
            input_schema=_schema(said, "inputs_schema_definition"),
            expected_output_schema=_schema(said, "outputs_schema_definition"),
            details={"data_type": kind},
        ),
        await form.examples(kind),
        actor=actor_of(key),
    )
    return shown(made)


@post("/examples/upload/{dataset:str}", status_code=200, include_in_schema=False)
async def add(langsmith: PartsDep, request: Request[Any, Any, Any], dataset: FromPath[str]) -> list[dict[str, Any]]:
    """Add the rows of a file to a dataset, all of them or none."""
    key = await langsmith.editor(request)
    held = await langsmith.library.datasets.get(key.project_id, str(uuid_of(dataset, "dataset_id")))
    form = await _form(langsmith, request)
    puts = await form.examples(kind_of(held.details.get("data_type")))
    done = await langsmith.library.datasets.put_items(key.project_id, held.id, puts, actor=actor_of(key))
    return [shown_example(request, key, one) for one in done.items]


HANDLERS = (create, add)


async def _form(langsmith: LangSmithParts, request: Request[Any, Any, Any]) -> _Form:
    data = await langsmith.data(request)
    file: multipart.Part | None = None
    lists: dict[str, list[str]] = {name: [] for name in _LISTS}
    texts: dict[str, str] = {}
    for part in multipart.parts_of(request.headers.get("content-type", ""), data):
        if part.name == "file":
            file = part
        elif part.name in lists:
            lists[part.name].append(_text(part))
        elif part.name in _TEXTS:
            texts[part.name] = _text(part)
        else:
            known = ", ".join(("file", *_LISTS, *_TEXTS))
            raise InvalidRequest(f"the form has {part.name[:100]!r}, which is none of {known}", param=part.name[:100])
    if file is None:
        raise InvalidRequest("the form has no `file`", param="file")
    if not lists["input_keys"]:
        raise InvalidRequest("`input_keys` names the columns that are inputs, at least one", param="input_keys")
    return _Form(file, texts, Columns(*lists.values()))


def _text(part: multipart.Part) -> str:
    try:
        return part.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"`{part.name}` is not UTF-8", param=part.name) from error


def _schema(said: dict[str, str], name: str) -> Any:
    text = said.get(name)
    if not text:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidJson(f"`{name}` is not valid JSON: {error}") from error
