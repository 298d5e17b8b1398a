"""Passwords: Argon2id, off the event loop, few at a time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from pilothouse.errors import LoginThrottled

T = TypeVar("T")
_MAX_WAITING = 32


class PasswordOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of one Argon2id hash; the defaults are RFC 9106's second recommendation."""

    time_cost: int = 3
    memory_kib: int = 65_536
    lanes: int = 4
    parallel: int = 2
    """Hashes computed at the same time; each takes `memory_kib`."""


class Passwords:
    """Hashes and verifies; answers `LoginThrottled` instead of queueing without bound."""

    def __init__(self, options: PasswordOptions) -> None:
        self._hasher = PasswordHasher(options.time_cost, options.memory_kib, options.lanes)
        self._threads = ThreadPoolExecutor(options.parallel, "passwords")
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """Return a new salted hash."""
        return await self._run(self._hasher.hash, _bytes(password))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Return whether the password fits; without a stored hash it takes as long and is False."""
        if not self._nobody:
            self._nobody = await self._run(self._hasher.hash, b"nobody has this password")
        fits = await self._run(self._verify, _bytes(password), stored or self._nobody)
        return fits and bool(stored)

    def outdated(self, stored: str) -> bool:
        """Return whether a hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password: bytes, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *arguments: str | bytes) -> T:
        if self._waiting >= _MAX_WAITING:
            raise LoginThrottled("too many people sign in at this moment", retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
