"""The built web UI: its files, `index.html` for the browser's own routes, or plain words when there is no build."""

import asyncio
import gzip
import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response

from pilothouse.errors import EndpointUnknown
from pilothouse.server.errors import NOTHING

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
}
_COMPRESSIBLE = ("text/", "application/json", "application/manifest+json", "image/svg+xml", "application/wasm")
_MIN_COMPRESSED_BYTES = 1024
_SERVER_PATHS = ("api/", "schema/", "v1/")
_NO_BUILD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pilothouse</title></head><body>
<h1>Pilothouse is running, without its web UI</h1>
<p>This installation was started from a source tree whose web UI has not been built. Build it with <code>make web</code>
and reload this page. The API works: see <a href="schema/openapi.json">schema/openapi.json</a>.</p></body></html>
"""


class _File(msgspec.Struct, frozen=True):
    stamp: tuple[int, int]
    content: bytes
    etag: str
    encodings: dict[str, bytes]


class Ui:
    """Serves one folder; what was read is kept in memory until the file changes."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder.resolve()
        self._base = f'<base href="{prefix}/">'.encode()
        self._kept: dict[Path, _File] = {}

    async def answer(self, request: Request[Any, Any, Any], path: str) -> Response[bytes]:
        """Return the file of a path, or `index.html` when the path is one of the browser's own routes.

        Raises `EndpointUnknown` for paths of the API and for files that do not exist.
        """
        relative = path.lstrip("/")
        file = self._find(relative) if relative else None
        if file is not None:
            return await self._send(request, file)
        wants_page = "text/html" in request.headers.get("accept", "*/*") or "." not in relative.rpartition("/")[2]
        if relative.startswith((*_SERVER_PATHS, "assets/")) or not wants_page:
            raise EndpointUnknown(NOTHING)
        index = self._find("index.html")
        if index is None:
            return Response(_NO_BUILD.encode(), media_type=_TYPES[".html"], headers={"cache-control": "no-store"})
        return await self._send(request, index)

    def _find(self, relative: str) -> Path | None:
        """Return the file inside the folder, None when there is none or the path leads out of the folder."""
        if "\0" in relative or "\\" in relative or any(part.startswith(".") for part in relative.split("/")):
            return None
        found = (self._folder / relative).resolve()
        return found if found.is_relative_to(self._folder) and found.is_file() else None

    async def _send(self, request: Request[Any, Any, Any], path: Path) -> Response[bytes]:
        file = await self._read(path)
        kind = _TYPES.get(path.suffix, "application/octet-stream")
        hashed = path.is_relative_to(self._folder / "assets")
        headers = {
            "etag": file.etag,
            "cache-control": "public, max-age=31536000, immutable" if hashed else "no-cache",
            "vary": "accept-encoding",
        }
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers, media_type=kind)
        accepted = {part.split(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
        for encoding, content in file.encodings.items():
            if encoding in accepted:
                return Response(content, media_type=kind, headers={**headers, "content-encoding": encoding})
        return Response(file.content, media_type=kind, headers=headers)

    async def _read(self, path: Path) -> _File:
        stamp = _stamp(path)
        kept = self._kept.get(path)
        if kept is None or kept.stamp != stamp:
            kept = self._kept[path] = await asyncio.to_thread(self._load, path, stamp)
        return kept

    def _load(self, path: Path, stamp: tuple[int, int]) -> _File:
        content = path.read_bytes()
        encodings: dict[str, bytes] = {}
        if path.name == "index.html":
            # The build's addresses are relative; the base makes them right on every route and under every prefix.
            content = re.sub(rb"<base [^>]*>", b"", content)
            content = re.sub(rb"(<head[^>]*>)", rb"\1" + self._base, content, count=1)
        else:
            encodings = _precompressed(path)
        kind = _TYPES.get(path.suffix, "")
        if "gzip" not in encodings and len(content) >= _MIN_COMPRESSED_BYTES and kind.startswith(_COMPRESSIBLE):
            encodings["gzip"] = gzip.compress(content, 6, mtime=0)
        return _File(stamp, content, f'"{hashlib.sha256(content).hexdigest()[:24]}"', encodings)


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_size


def _precompressed(path: Path) -> dict[str, bytes]:
    beside = {"br": path.with_name(path.name + ".br"), "gzip": path.with_name(path.name + ".gz")}
    return {encoding: file.read_bytes() for encoding, file in beside.items() if file.is_file()}
