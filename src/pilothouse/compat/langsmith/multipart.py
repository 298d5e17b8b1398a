"""The body of `/runs/multipart`: parts named after an operation, a run and a field, put together again.

Parts are `post.{id}` and `patch.{id}`, their large fields `post.{id}.inputs` and so on, `attachment.{id}.{name}`, and
`feedback.{id}`.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from pilothouse.compat.decode import body_of
from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.runs import PATCH, POST, Attached, Operation
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols.loose import mapping

FIELDS = frozenset({"inputs", "outputs", "events", "extra", "error", "serialized"})
_FEEDBACK, _ATTACHMENT = "feedback", "attachment"
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="([^"]*)"', re.IGNORECASE)
_FILENAME = re.compile(r'[;\s]filename="([^"]*)"', re.IGNORECASE)
_ENCODED_FILENAME = re.compile(r"[;\s]filename\*=utf-8'[^']*'([^;\s]*)", re.IGNORECASE)
_LINE, _HEAD_END = b"\r\n", b"\r\n\r\n"


class Part(msgspec.Struct, frozen=True):
    """One part of a form."""

    name: str
    content_type: str
    body: bytes
    filename: str = ""


class Fault(msgspec.Struct, frozen=True):
    """A part, or an item of a batch, that is of no use, and why."""

    item: str
    detail: str


class Arrived(msgspec.Struct, frozen=True):
    """What a request brought."""

    operations: list[Operation]
    feedback: list[dict[str, Any]]
    faults: list[Fault]


def parts_of(content_type: str, data: bytes) -> Iterator[Part]:
    """Yield the parts of a form; raises `InvalidRequest` when it is none, or is cut off."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/") or found is None:
        raise InvalidRequest("the body must be multipart/form-data with a boundary", param="content-type")
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    start = 0 if data.startswith(mark) else data.find(_LINE + mark) + len(_LINE)
    if not data.startswith(mark, start):
        raise InvalidRequest("the body has no part that begins with the boundary of its header")
    start += len(mark)
    while not data.startswith(b"--", start):
        head_end, end = data.find(_HEAD_END, start), data.find(_LINE + mark, start)
        if end < 0 or head_end < 0 or head_end > end:
            raise InvalidRequest("the body is cut off inside of a part")
        headers = _headers(data[start:head_end])
        disposition = " " + headers.get("content-disposition", "")
        named = _NAME.search(disposition)
        body = data[head_end + len(_HEAD_END) : end]
        yield Part(named[1] if named else "", headers.get("content-type", ""), body, _filename(disposition))
        start = end + len(_LINE) + len(mark)


def arrived(parts: Iterator[Part]) -> Arrived:
    """Put the parts of each operation together; a part that is of no use costs no other."""
    bodies: dict[tuple[str, str], dict[str, Any]] = {}
    attachments: dict[str, dict[str, Attached]] = {}
    feedback: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for part in parts:
        verb, _, rest = part.name.partition(".")
        item, _, field = rest.partition(".")
        try:
            if verb == _ATTACHMENT:
                attachments.setdefault(item, {})[field] = _attached(part)
            elif verb == _FEEDBACK:
                feedback.append({"id": item, **_object(part)})
            elif verb in (POST, PATCH) and field in FIELDS:
                value = body_of(part.body)
                bodies.setdefault((verb, item), {})[field] = value
            elif verb in (POST, PATCH) and not field:
                body = _object(part)
                bodies.setdefault((verb, item), {}).update(body)
            else:
                faults.append(Fault(part.name[:200], "a part has no such name"))
        except InvalidJson as error:
            faults.append(Fault(part.name[:200], error.detail))
    return Arrived(list(_operations(bodies, attachments, faults)), feedback, faults)


def _operations(
    bodies: dict[tuple[str, str], dict[str, Any]],
    attachments: dict[str, dict[str, Attached]],
    faults: list[Fault],
) -> Iterator[Operation]:
    for (verb, item), body in bodies.items():
        run = ids.uuid_of(item)
        if run is None:
            faults.append(Fault(f"{verb}.{item[:100]}", "a run's id must be a UUID"))
            continue
        yield Operation(verb=verb, run_id=run, body=body, attachments=attachments.pop(item, {}))
    for item, held in attachments.items():
        run = ids.uuid_of(item)
        if run is None:
            faults.append(Fault(f"{_ATTACHMENT}.{item[:100]}", "a run's id must be a UUID"))
        else:
            yield Operation(verb=PATCH, run_id=run, body={}, attachments=held)


def _filename(disposition: str) -> str:
    if encoded := _ENCODED_FILENAME.search(disposition):
        return unquote(encoded[1])
    plain = _FILENAME.search(disposition)
    return plain[1] if plain else ""


def _object(part: Part) -> dict[str, Any]:
    value = body_of(part.body)
    if not isinstance(value, dict):
        raise InvalidJson("the part must be a JSON object")
    return mapping(value)


def _attached(part: Part) -> Attached:
    return Attached(part.content_type.partition(";")[0].strip(), part.body)


def _headers(data: bytes) -> dict[str, str]:
    lines = data.decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
