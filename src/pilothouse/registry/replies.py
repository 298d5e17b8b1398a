"""Replies to writes that carry an idempotency key, kept for 24 hours, so that a repeat does not write twice.

A reply may hold a secret that is shown once, so it is kept sealed.
"""

import hashlib

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.secret import SecretBox
from pilothouse.errors import Conflict, InvalidRequest
from pilothouse.registry.secrets import fresh_nonce
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import KeptReply

_KEEP_NS = 86_400 * 1_000_000_000
_CLAIM_NS = 120 * 1_000_000_000
_MAX_KEY_CHARS = 255


class Reply(msgspec.Struct, frozen=True):
    """What the first request was answered."""

    status: int
    body: str


class Replies:
    """Keeps replies by scope (who asked, and for what) and idempotency key."""

    def __init__(self, metadata: Metadata, secret_box: SecretBox, clock: Clock) -> None:
        self._metadata = metadata
        self._box = secret_box
        self._clock = clock

    async def claim(self, scope: str, key: str, request: bytes) -> Reply | None:
        """Return the kept reply, or None when this request is the first and has to be carried out.

        Raises `Conflict` when the key came with another request before, or while the first is under way.
        """
        if not 1 <= len(key) <= _MAX_KEY_CHARS or not key.isprintable():
            raise InvalidRequest(
                f"an idempotency key has 1 to {_MAX_KEY_CHARS} printable characters", param="Idempotency-Key"
            )
        now_ns = self._clock.now_ns()
        wanted = KeptReply(scope, key, hashlib.sha256(request).hexdigest(), 0, b"", now_ns + _CLAIM_NS)

        def work(tx: Transaction) -> KeptReply | None:
            tx.version.lock()
            tx.replies.purge(now_ns)
            kept = tx.replies.get(scope, key)
            if kept is None:
                tx.replies.put(wanted)
            return kept

        kept = await self._metadata.write(work)
        if kept is None:
            return None
        if kept.request_digest != wanted.request_digest:
            raise Conflict("this idempotency key was used for another request", param="Idempotency-Key")
        if not kept.status:
            raise Conflict("the first request with this idempotency key is still under way", param="Idempotency-Key")
        return Reply(kept.status, self._box.open(kept.sealed_reply.decode(), _context(scope, key)))

    async def keep(self, scope: str, key: str, request: bytes, reply: Reply) -> None:
        """Keep the reply of a claimed request for 24 hours."""
        sealed = self._box.seal(reply.body, _context(scope, key), fresh_nonce()).encode()
        digest = hashlib.sha256(request).hexdigest()
        kept = KeptReply(scope, key, digest, reply.status, sealed, self._clock.now_ns() + _KEEP_NS)
        await self._metadata.write(lambda tx: tx.replies.put(kept))

    async def release(self, scope: str, key: str) -> None:
        """Give a claim back because the request failed: a repeat is carried out again."""
        await self._metadata.write(lambda tx: tx.replies.delete(scope, key))


def _context(scope: str, key: str) -> str:
    return f"reply:{scope}:{key}"
