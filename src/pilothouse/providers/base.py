"""The port of a provider: one account, where calls go and with which key, and what its failures mean.

None of the methods blocks or does I/O; the secret stands only in the headers of the requests they return.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.errors import UpstreamError
from pilothouse.transport.base import Request, Response, Timeouts

Send = Callable[[Request], Awaitable[Response]]
"""The transport's `send`."""


class Outbound(msgspec.Struct, frozen=True):
    """One call on its way out, its body already in the provider's dialect and with the provider's model name."""

    dialect: str
    """The name of the dialect that the body is in; one of the account's own `dialects`."""
    body: bytes
    model: str = ""
    """The provider's model name, for dialects whose path names it."""
    streamed: bool = False
    content_type: bytes = b"application/json"
    """Of the body."""
    variant: str = ""
    """As in `protocols.base.Ask`."""
    trace: str = ""
    """The W3C `traceparent` to send; empty sends none."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Of the caller, that this dialect lets through (`anthropic-beta` …); the account decides what it sends on."""
    timeouts: Timeouts = Timeouts()


class WeightedKey(msgspec.Struct, frozen=True):
    """One of an account's keys; keys are used in proportion to their weights."""

    secret: str
    weight: int = 1

    def __repr__(self) -> str:
        return f"WeightedKey(***, weight={self.weight})"


class AccountOptions(msgspec.Struct, frozen=True):
    """What an operator sets for one account."""

    account: str
    base_url: str = ""
    """Overrides the row's own. Without a path, the row's usual one (`/v1`) is taken."""
    secret: str = ""
    """One key; where the row takes plain keys also several, one a line, each as `key` or `weight key`."""
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request, such as `OpenAI-Organization`."""
    secrets: tuple[WeightedKey, ...] = ()
    """Further keys."""

    def __repr__(self) -> str:
        return f"AccountOptions(account={self.account!r}, base_url={self.base_url!r}, secret=***)"


class ProviderKind(msgspec.Struct, frozen=True):
    """One row of the provider table, as the UI shows it."""

    name: str
    title: str
    base_url: str
    """The default; empty when the operator has to give one."""
    needs_secret: bool
    free: bool
    """Calls cost nothing: the operator's own hardware."""
    managed: bool = False
    """Made by the installation itself, not by people."""


class Provider(Protocol):
    """One account at one provider."""

    @property
    def dialects(self) -> tuple[str, ...]:
        """Names of the dialects that the account speaks; for each operation the one to convert to stands first."""
        ...

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        ...

    def failure(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamError:
        """Return the error that an answer stands for, told by its status and typed error fields alone.

        Also takes an error object that came with status 200, whole or as a stream's event.
        """
        ...

    def probe(self) -> Request:
        """Return a cheap request that only succeeds with the right URL and key."""
        ...

    def models(self, body: bytes) -> list[str]:
        """Return the model names in the probe's answer; raises `UpstreamProtocol` when it is no such list."""
        ...


@runtime_checkable
class Pooled(Protocol):
    """What a `Provider` may do besides: have several keys."""

    def failed(self, request: Request, error: UpstreamError) -> bool:
        """Take note of how a request ended, so that a refused key rests.

        Returns whether the same call may be tried again at once: another key of the account is fit.
        """
        ...


@runtime_checkable
class Prepared(Protocol):
    """What a `Provider` may do besides: need a token of short life in place of its secret."""

    @property
    def ready(self) -> bool:
        """Whether `request` and `probe` may be called without `prepare`."""
        ...

    async def prepare(self, send: Send) -> None:
        """Fetch a token when the last one is about to expire; those who wait meanwhile share one exchange.

        Raises an `UpstreamError` when there is no token to be had.
        """
        ...


class Row(Protocol):
    """One row of the provider table: what the UI shows of it, and how its accounts are made."""

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        ...

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return an account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        ...
