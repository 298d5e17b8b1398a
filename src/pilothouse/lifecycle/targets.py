"""Where exports are written: a folder, or a bucket of an S3-compatible store."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.exporting import FolderTarget, S3Target
from pilothouse.errors import InvalidRequest, UpstreamAuth, UpstreamFault, UpstreamInvalid, UpstreamNotFound
from pilothouse.providers.bedrock.signing import Credentials, Signable, Signer
from pilothouse.registry.addresses import base_url
from pilothouse.transport.base import Origin, Request, Timeouts, Transport

_ANSWER_BYTES = 64 * 1024
_TIMEOUTS = Timeouts(connect_s=5.0, first_byte_s=120.0, between_bytes_s=60.0, total_s=300.0)
_BUCKET_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")


class Store(Protocol):
    """Takes files; a file that is put again replaces the earlier one."""

    async def put(self, name: str, body: bytes) -> None:
        """Write a file durably, whole or not at all; `name` has forward slashes.

        Raises `DataFolderUnwritable`-like `OSError` of the disk, or an `UpstreamError` of the store behind an address.
        """
        ...


class Folder:
    """Files below a folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, body: bytes) -> None:
        """Write a file; a crash leaves the earlier one or none."""
        path = self._root / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.partial")
        with draft.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


class Bucket:
    """Objects of an S3-compatible store, each put by one signed request in the path style."""

    def __init__(self, target: S3Target, credentials: Credentials, transport: Transport, clock: Clock) -> None:
        self._origin, self._base = Origin.parse(base_url(target.endpoint))
        self._target = target
        self._transport = transport
        self._clock = clock
        self._signer = Signer(credentials, target.region, "s3")

    async def put(self, name: str, body: bytes) -> None:
        """Write an object."""
        key = "/".join(part for part in (self._target.prefix.strip("/"), name) if part)
        path = f"{self._base}/{quote(self._target.bucket)}/{quote(key, safe='/~')}"
        signed = Signable("PUT", self._origin.authority, path, body, "application/octet-stream")
        headers = ((b"content-type", b"application/octet-stream"), *self._signer.headers(signed, self._clock.now_ns()))
        response = await self._transport.send(
            Request(self._origin, b"PUT", path.encode(), headers, body, timeouts=_TIMEOUTS)
        )
        try:
            await response.read(_ANSWER_BYTES)
        finally:
            await response.close()
        _check(response.status, self._target.bucket)


def _check(status: int, bucket: str) -> None:
    where = f"the store of the bucket {bucket} answers with status {status}"
    if status < 300:
        return
    if status in {401, 403}:
        raise UpstreamAuth(f"{where}: the keys may not write there")
    if status == 404:
        raise UpstreamNotFound(f"{where}: there is no such bucket")
    if status < 500 and status not in {408, 429}:
        raise UpstreamInvalid(where)
    raise UpstreamFault(where)


def checked(target: FolderTarget | S3Target, data: Path, allowed: Sequence[str]) -> None:
    """Raise `InvalidRequest` when an export may not be written there."""
    if isinstance(target, FolderTarget):
        folder(target, data, allowed)
        return
    if not target.endpoint:
        raise InvalidRequest("the store needs an endpoint", param="target/endpoint")
    try:
        base_url(target.endpoint)
    except InvalidRequest as error:
        raise InvalidRequest(error.detail.replace("base URL", "endpoint"), param="target/endpoint") from error
    if not 3 <= len(target.bucket) <= 63 or not set(target.bucket) <= _BUCKET_CHARS:
        raise InvalidRequest("the name of a bucket has 3 to 63 of a-z, 0-9, . and -", param="target/bucket")
    if not target.region or not target.region.isascii() or not target.region.replace("-", "").isalnum():
        raise InvalidRequest("the region is not valid", param="target/region")
    if any(part in {".", ".."} for part in target.prefix.split("/")) or not target.prefix.isprintable():
        raise InvalidRequest("the prefix has parts that no prefix has", param="target/prefix")


def folder(target: FolderTarget, data: Path, allowed: Sequence[str]) -> Path:
    """Return the folder of a target, links followed; raises `InvalidRequest` when it is not allowed."""
    own = (data / "exports").resolve()
    path = (own / target.path).resolve()
    roots = (own, *(Path(one).expanduser().resolve() for one in allowed))
    if "\0" in target.path or not any(path == root or root in path.parents for root in roots):
        raise InvalidRequest(
            "exports may only be written below `exports` in the data folder, or below a folder that the setting "
            "lifecycle.export_folders names",
            param="target/path",
        )
    return path


class S3Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The keys of a bucket."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return "S3Keys(***)"

    def credentials(self) -> Credentials:
        """Return them as the signer takes them."""
        return Credentials(self.access_key, self.secret_key, self.session_token)


def sha256(body: bytes) -> str:
    """Return the digest of a file, as manifests state it."""
    return hashlib.sha256(body).hexdigest()
