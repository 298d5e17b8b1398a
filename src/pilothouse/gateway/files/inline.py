"""Inline: the stage that puts files of ours into calls that name them, since no provider knows their ids."""

import asyncio
import re
from base64 import b64encode
from collections.abc import Awaitable, Iterator
from mimetypes import guess_type
from typing import Any, cast

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.files import File
from pilothouse.errors import BodyTooLarge
from pilothouse.gateway.call import Admission, Call, Next, Reply, admitted
from pilothouse.gateway.files.ports import FileStore
from pilothouse.protocols import json_body
from pilothouse.protocols.remote_media import HEAD_BYTES, kind_of

_MARK = b'"file_id"'
_UNDERSCORE = 0x5F
_OURS = re.compile(rb'"(file-[0-9a-f]{32})"')
_MOST_FILES = 32
_ENCODER = msgspec.json.Encoder()


class _Content(msgspec.Struct, frozen=True):
    name: str
    kind: str
    """Its media type."""
    data: bytes

    @property
    def base64(self) -> str:
        return b64encode(self.data).decode()

    @property
    def address(self) -> str:
        return f"data:{self.kind};base64,{self.base64}"


class Inline:
    """Acts on calls whose body holds `"file_id"`; every other call passes at the cost of one search for it."""

    def __init__(self, files: FileStore | None, clock: Clock, limit_bytes: int) -> None:
        self._files = files
        self._clock = clock
        self._limit_bytes = limit_bytes

    def __call__(self, call: Call, following: Next) -> Awaitable[Reply]:
        """Pass the call on with its files; raises `BodyTooLarge`, `MetadataUnavailable`.

        Ids that are not the project's own are left as they are: the provider may know them.
        """
        admission = admitted(call)
        body = admission.body
        # To look for one byte costs a twentieth of looking for the word that it stands in.
        if self._files is None or _UNDERSCORE not in body or _MARK not in body or call.arrival.dialect.multipart:
            return following(call)
        return self._filled(call, admission, self._files, following)

    async def _filled(self, call: Call, admission: Admission, files: FileStore, following: Next) -> Reply:
        found = await self._read(files, call.key.project_id if call.key else "", admission.body)
        if not found:
            return await following(call)
        body = await asyncio.to_thread(_fill, admission.body, found)
        call.admission = msgspec.structs.replace(admission, body=body)
        try:
            return await following(call)
        finally:
            # What was asked is kept and recorded as it was asked.
            call.admission = admission

    async def _read(self, files: FileStore, project_id: str, body: bytes) -> dict[str, _Content]:
        named = list(dict.fromkeys(match.decode() for match in _OURS.findall(body)))[:_MOST_FILES]
        now_ns, left = self._clock.now_ns(), self._limit_bytes - len(body)
        found: dict[str, _Content] = {}
        for file_id in named:
            file = await files.get(project_id, file_id)
            if file is None or not file.alive(now_ns):
                continue
            left -= file.size_bytes * 4 // 3
            if left < 0:
                raise BodyTooLarge(f"the request is larger than {self._limit_bytes} bytes with the files that it names")
            found[file_id] = await _content(files, file)
        return found


async def _content(files: FileStore, file: File) -> _Content:
    pieces = [await files.chunk(file.id, n) or b"" for n in range(file.pieces)]
    data = b"".join(pieces)
    kind = kind_of(data[:HEAD_BYTES]) or guess_type(file.name)[0] or _text_or_bytes(data)
    return _Content(file.name, kind, data)


def _text_or_bytes(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/plain"


def _fill(body: bytes, found: dict[str, _Content]) -> bytes:
    document = json_body.read_document(body)
    for part in _objects(document):
        _put(part, found)
    return _ENCODER.encode(document)


def _objects(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting: list[Any] = [document]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            whole = cast("dict[str, Any]", item)
            yield whole
            waiting.extend(whole.values())
        elif isinstance(item, list):
            waiting.extend(cast("list[Any]", item))


def _put(part: dict[str, Any], found: dict[str, _Content]) -> None:
    """Put the content into a part that names a file, in the words of the part's own dialect."""
    kind = part.get("type")
    if kind == "file":
        _put_chat(part, found)
    elif kind in ("input_file", "input_image"):
        content = _named(part, found)
        if content is not None:
            del part["file_id"]
            part.update(_of_input(kind, content))
    elif kind in ("document", "image"):
        source: Any = part.get("source")
        content = _named(source, found)
        if content is not None:
            part["source"] = _source(content)


def _put_chat(part: dict[str, Any], found: dict[str, _Content]) -> None:
    content = _named(part.get("file"), found)
    if content is None:
        return
    if content.kind.startswith("image/"):
        del part["file"]
        part.update({"type": "image_url", "image_url": {"url": content.address}})
    else:
        part["file"] = {"filename": content.name, "file_data": content.address}


def _named(holder: Any, found: dict[str, _Content]) -> _Content | None:
    if not isinstance(holder, dict):
        return None
    file_id: Any = cast("dict[str, Any]", holder).get("file_id")
    return found.get(file_id) if isinstance(file_id, str) else None


def _of_input(kind: str, content: _Content) -> dict[str, str]:
    if kind == "input_image":
        return {"image_url": content.address}
    return {"filename": content.name, "file_data": content.address}


def _source(content: _Content) -> dict[str, str]:
    if content.kind.startswith("text/"):
        return {"type": "text", "media_type": "text/plain", "data": content.data.decode("utf-8", "replace")}
    return {"type": "base64", "media_type": content.kind, "data": content.base64}
