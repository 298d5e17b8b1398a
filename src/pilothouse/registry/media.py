"""Media: bodies that are announced, then come, and are kept once for each content."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import AsyncIterator

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.media import MEDIA_ID_CHARS, MEDIA_PIECE_BYTES, Media, MediaLink
from pilothouse.errors import BodyTooLarge, InvalidRequest, NotFound
from pilothouse.store.metadata.database import Metadata, Transaction

_DIGEST_BYTES = 32
MOST_BYTES = 64 * 1024 * 1024
"""Of one body."""
MOST_PROJECT_BYTES = 10 * 1024**3
"""Of all bodies of a project together."""


class MediaLibrary:
    """The media of all projects.

    Methods raise `InvalidRequest`, `NotFound`, `BodyTooLarge`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock

    async def announce(
        self, project_id: str, digest: bytes, content_type: str, size_bytes: int, link: MediaLink | None = None
    ) -> Media:
        """Return what is known of a body that may be about to come; `digest` is its SHA-256."""
        if len(digest) != _DIGEST_BYTES:
            raise InvalidRequest("a SHA-256 has 32 bytes", param="sha256Hash")
        if size_bytes > MOST_BYTES:
            raise BodyTooLarge(f"a body has at most {MOST_BYTES} bytes", param="contentLength")
        media = Media(
            id=media_id(digest), project_id=project_id, sha256=digest.hex(), content_type=content_type[:200],
            size_bytes=size_bytes, created_at_ns=self._clock.now_ns(),
        )  # fmt: skip

        def work(tx: Transaction) -> Media:
            held = tx.media.get(project_id, media.id)
            if held is None and tx.media.size_bytes(project_id) + size_bytes > MOST_PROJECT_BYTES:
                raise BodyTooLarge(f"the media of a project hold at most {MOST_PROJECT_BYTES} bytes together")
            if held is None or (not held.complete and held.size_bytes != size_bytes):
                tx.media.put(media)
            if link is not None:
                tx.media.link(msgspec.structs.replace(link, media_id=media.id), media.created_at_ns)
            return held if held is not None and held.complete else media

        return await self._metadata.write(work)

    async def write(self, project_id: str, media_id: str, body: AsyncIterator[bytes]) -> Media:
        """Take the body of one that was announced; one that is there already stays as it is.

        Raises `InvalidRequest` for a body that is not what was announced.
        """
        media = await self._known(project_id, media_id)
        if media.complete:
            async for _ in body:
                continue
            return media
        digest, n, total, waiting = hashlib.sha256(), 0, 0, bytearray()
        async for chunk in body:
            total += len(chunk)
            if total > media.size_bytes:
                raise InvalidRequest(f"the body is longer than the {media.size_bytes} bytes that were announced")
            digest.update(chunk)
            waiting += chunk
            while len(waiting) >= MEDIA_PIECE_BYTES:
                await self._write(media, n, bytes(waiting[:MEDIA_PIECE_BYTES]))
                del waiting[:MEDIA_PIECE_BYTES]
                n += 1
        if total != media.size_bytes or digest.hexdigest() != media.sha256:
            raise InvalidRequest("the body is not the one that was announced: length or SHA-256 differ")
        if waiting or n == 0:
            await self._write(media, n, bytes(waiting))
        done = msgspec.structs.replace(media, complete=True, uploaded_at_ns=self._clock.now_ns())
        await self._metadata.write(lambda tx: tx.media.put(done))
        return done

    async def keep(self, project_id: str, data: bytes, content_type: str, link: MediaLink | None = None) -> Media:
        """Keep a body that is at hand whole."""
        media = await self.announce(project_id, hashlib.sha256(data).digest(), content_type, len(data), link)
        return media if media.complete else await self.write(project_id, media.id, _once(data))

    async def get(self, project_id: str, media_id: str) -> Media:
        """Return one whose body is there."""
        media = await self._known(project_id, media_id)
        if not media.complete:
            raise NotFound(f"the body of the media {media_id[:80]!r} has not come")
        return media

    async def announced(self, project_id: str, media_id: str, sha256: str) -> Media:
        """Return one, whose body may not have come, to somebody who knows its whole SHA-256 in hexadecimal digits."""
        media = await self._known(project_id, media_id)
        if not hmac.compare_digest(media.sha256.encode(), sha256.lower().encode()):
            raise NotFound(f"there is no media {media_id[:80]!r} in this project")
        return media

    async def known(self, project_id: str, media_id: str) -> bool:
        """Return whether one was announced."""
        return await self._metadata.read(lambda tx: tx.media.get(project_id, media_id)) is not None

    async def content(self, media: Media) -> AsyncIterator[bytes]:
        """Yield a body piece by piece."""
        n = 0
        while True:
            piece = await self._metadata.read(lambda tx, n=n: tx.media.piece(media.project_id, media.id, n))
            if piece is None:
                return
            yield piece
            n += 1

    async def of_trace(self, project_id: str, trace_id: str) -> list[tuple[MediaLink, Media]]:
        """Return what stands in a trace, and where; of what is announced, only that whose body is there."""

        def work(tx: Transaction) -> list[tuple[MediaLink, Media]]:
            linked = [(link, tx.media.get(project_id, link.media_id)) for link in tx.media.links(project_id, trace_id)]
            return [(link, held) for link, held in linked if held is not None and held.complete]

        return await self._metadata.read(work)

    async def _known(self, project_id: str, media_id: str) -> Media:
        media = await self._metadata.read(lambda tx: tx.media.get(project_id, media_id))
        if media is None:
            raise NotFound(f"there is no media {media_id[:80]!r} in this project")
        return media

    async def _write(self, media: Media, n: int, data: bytes) -> None:
        await self._metadata.write(lambda tx: tx.media.write(media.project_id, media.id, n, data))


def media_id(digest: bytes) -> str:
    """Return the id of a body by its SHA-256, as Langfuse's SDKs make it: the first 22 characters of its base64."""
    return base64.urlsafe_b64encode(digest).decode()[:MEDIA_ID_CHARS]


def digest_of(text: str) -> bytes:
    """Return the SHA-256 that came as base64; raises `InvalidRequest`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("a SHA-256 is said as base64", param="sha256Hash") from error


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
