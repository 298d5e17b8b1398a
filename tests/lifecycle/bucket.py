"""An S3-compatible store in memory that checks signatures by itself."""

import asyncio
import hashlib
import hmac
import re
from types import TracebackType
from typing import Self
from urllib.parse import unquote

_AUTH = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)"
)


class FakeBucket:
    """Takes PUT of objects whose signature holds, answers 403 to all else."""

    def __init__(self, access_key: str, secret_key: str, region: str) -> None:
        self._access_key, self._secret_key, self._region = access_key, secret_key, region
        self.objects: dict[str, bytes] = {}
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers["content-length"]))
            good = method == "PUT" and self._holds(path, headers, body)
            if good:
                self.objects[unquote(path)] = body
            status = b"200 OK" if good else b"403 Forbidden"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            await writer.drain()
        finally:
            writer.close()

    def _holds(self, path: str, headers: dict[str, str], body: bytes) -> bool:
        said = _AUTH.fullmatch(headers["authorization"])
        if said is None or said[1] != self._access_key or said[3] != self._region:
            return False
        digest = hashlib.sha256(body).hexdigest()
        lines = "".join(f"{name}:{headers[name]}\n" for name in said[4].split(";"))
        canonical = f"PUT\n{path}\n\n{lines}\n{said[4]}\n{digest}"
        scope = f"{said[2]}/{self._region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self._secret_key}".encode()
        for part in (said[2], self._region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return headers["x-amz-content-sha256"] == digest and hmac.compare_digest(signature, said[5])
