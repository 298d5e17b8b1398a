"""The key of a request, wherever an SDK puts it, and what it may do; looked up without the database."""

import asyncio
import base64
import binascii
import time
from collections.abc import Iterator, Mapping

from pilothouse.domain.access import KeyKind, Permission, VirtualKey, digest, well_formed
from pilothouse.domain.clock import Clock
from pilothouse.domain.redaction.projects import Redactors
from pilothouse.domain.snapshot import Snapshot
from pilothouse.errors import KeyExpired, KeyMissing, KeyRevoked, KeyUnknown, PermissionMissing, SnapshotMissing
from pilothouse.loops import Loop
from pilothouse.registry.registry import Registry

_POLL_S = 0.5
_LOOK_AGAIN_S = 0.05
"""Between looks for a key that nobody knows, so that strangers cannot make the database work."""
_PLAIN = ("x-api-key", "api-key", "x-goog-api-key", "x-langfuse-secret-key")


def secret_of(headers: Mapping[str, str]) -> str:
    """Return the key that lower-case headers carry, empty when there is none.

    Of several, one that has the form of our keys: an SDK may send a provider's key beside ours.
    """
    found = [secret for secret in _candidates(headers) if secret]
    return next((secret for secret in found if secret.startswith(KeyKind.VIRTUAL_KEY)), found[0] if found else "")


def _candidates(headers: Mapping[str, str]) -> Iterator[str]:
    yield from _authorization(headers.get("authorization", ""))
    for name in _PLAIN:
        yield headers.get(name, "").strip()
    yield from _authorization(headers.get("helicone-auth", ""))


def _authorization(value: str) -> Iterator[str]:
    scheme, _, rest = value.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            yield rest.strip()
        case "basic":
            user, _, password = _basic(rest.strip()).partition(":")
            yield password
            yield user
        case _:
            # some SDKs take a header's whole value from a setting, and people put the bare key there
            yield value.strip()


def _basic(encoded: str) -> str:
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


class KeyRing(Loop):
    """The keys of all projects in memory, at most a second behind the registry.

    While the registry does not answer, the last good state stays in force, as in the gateway.
    """

    def __init__(self, registry: Registry, clock: Clock) -> None:
        super().__init__("key ring")
        self._registry = registry
        self._clock = clock
        self._version: int | None = None
        self._looking = asyncio.Lock()
        self._looked_at_s = float("-inf")
        self._changed = False
        self._keys: dict[str, VirtualKey] = {}
        self.redactors = Redactors()
        """What each project redacts."""
        registry.on_change(self._change)

    async def tick(self) -> float:
        """Take over what has changed."""
        async with self._looking:
            await self._look()
        return _POLL_S

    async def admit(self, secret: str, permission: Permission) -> VirtualKey:
        """Return the key of a secret; one that was made a moment ago is known already. Raises what `find` does."""
        try:
            return self.find(secret, permission)
        except KeyUnknown:
            if not well_formed(secret, KeyKind.VIRTUAL_KEY):
                raise
        async with self._looking:
            if self._changed or time.monotonic() - self._looked_at_s > _LOOK_AGAIN_S:
                await self._look()
        return self.find(secret, permission)

    def _change(self) -> None:
        self._changed = True
        self.wake()

    async def _look(self) -> None:
        self._changed, self._looked_at_s = False, time.monotonic()
        version = await self._registry.version()
        if version != self._version:
            self.take(await self._registry.snapshot())

    def take(self, snapshot: Snapshot) -> None:
        """Have a state of the registry in force."""
        self._keys = {key.digest: key for key in snapshot.keys}
        self.redactors = self._registry.redaction.in_force(self.redactors, snapshot)
        self._version = snapshot.version

    def find(self, secret: str, permission: Permission) -> VirtualKey:
        """Return the key of a secret.

        Raises `KeyMissing`, `KeyUnknown`, `KeyRevoked`, `KeyExpired`, `PermissionMissing`, or `SnapshotMissing` while
        the registry has never answered.
        """
        if not secret:
            raise KeyMissing("send a Pilothouse key, such as 'Authorization: Bearer ph_…'")
        if self._version is None:
            raise SnapshotMissing("the keys are not known yet; try again in a moment", retry_after_s=1.0)
        key = self._keys.get(digest(secret))
        if key is None:
            raise KeyUnknown(_why_unknown(secret))
        now_ns = self._clock.now_ns()
        if key.revoked_at_ns is not None and key.revoked_at_ns <= now_ns:
            raise KeyRevoked(f"the key {key.hint} ({key.name}) was revoked; create a new one under Settings, Keys")
        if key.expires_at_ns is not None and key.expires_at_ns <= now_ns:
            raise KeyExpired(f"the key {key.hint} ({key.name}) has expired; create a new one under Settings, Keys")
        if permission not in key.permissions:
            raise PermissionMissing(
                f"the key {key.hint} ({key.name}) has no permission '{permission}'; "
                "create one that has under Settings, Keys"
            )
        return key


def _why_unknown(secret: str) -> str:
    if not secret.startswith(KeyKind.VIRTUAL_KEY):
        return "this is not a Pilothouse key (they start with 'ph_'); create one under Settings, Keys"
    if not well_formed(secret, KeyKind.VIRTUAL_KEY):
        return "the key is mistyped or cut off: its checksum does not fit"
    return "no such key in this installation; create one under Settings, Keys"
