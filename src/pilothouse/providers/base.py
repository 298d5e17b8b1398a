"""The port of a provider: one account, where calls go and with which key, and what its failures mean.

No method blocks, and only those given a `send` do I/O; the secret stands only in the headers of requests.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

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
    several_keys: bool = True
    """Whether an account may have several keys, one a line."""


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


class BatchLine(msgspec.Struct, frozen=True):
    """One request of a batch, its body already in the provider's dialect and with the provider's model name."""

    key: str
    """Ours, unique in the job; `[A-Za-z0-9_-]{1,64}`. Comes back with the result."""
    body: bytes


class BatchJob(msgspec.Struct, frozen=True):
    """What is handed to a provider's batch service at once: one dialect, one model."""

    name: str
    """Unique, ours: by it a job is found again whose submission was not heard of; `[a-z0-9_-]{1,64}`."""
    dialect: str
    """One of the service's `batch_dialects`."""
    model: str
    """The provider's model name."""
    lines: Sequence[BatchLine]


class BatchLimits(msgspec.Struct, frozen=True):
    """How much one job may hold."""

    lines: int
    size_bytes: int
    """Of all bodies together."""


JobStatus = Literal["running", "ended", "failed", "expired", "cancelled"]
"""How far a job of a batch service is."""


class BatchState(msgspec.Struct, frozen=True):
    """How far a job is."""

    status: JobStatus
    """`ended`, `expired` and `cancelled` may have results; `failed` has none, and `detail` says why."""
    succeeded: int = 0
    failed: int = 0
    detail: str = ""


class BatchResult(msgspec.Struct, frozen=True):
    """What became of one line."""

    key: str
    status: int
    """HTTP status the line would have had alone; 0 for lines that were never run (expired, cancelled)."""
    body: bytes
    """An answer of the job's dialect, or the error document as the provider gave it."""


@runtime_checkable
class BatchService(Protocol):
    """What a `Provider` may do besides: run many requests later, for less.

    Unlike the other methods of an account these talk to it, through the `send` they are given, and may take as long as
    the transfer of a whole job. All raise an `UpstreamError`, and all may be cancelled at any await.
    """

    @property
    def batch_dialects(self) -> tuple[str, ...]:
        """Names of the dialects that a job may be in."""
        ...

    @property
    def batch_limits(self) -> BatchLimits:
        """How much one job may hold."""
        ...

    async def submit(self, job: BatchJob, send: Send) -> str:
        """Hand the job over and return the upstream's id of it, by which alone it is known from now on.

        When the error does not say that the job was refused, it may have been taken: `find` tells.
        """
        ...

    async def find(self, name: str, send: Send) -> str | None:
        """Return the id of the job submitted under the name; None when there is none or the service cannot tell."""
        ...

    async def look(self, upstream_id: str, send: Send) -> BatchState:
        """Return how far the job is."""
        ...

    def results(self, upstream_id: str, send: Send) -> AsyncIterator[BatchResult]:
        """Yield what became of each line, once and in any order, as it comes in: memory holds a few lines at a time.

        A line that the service says nothing of, as some do of lines they did not come to, is not yielded: it was not
        run either, as with status 0. Asked before the job has ended, this raises `UpstreamProtocol`.
        """
        ...

    async def cancel(self, upstream_id: str, send: Send) -> None:
        """Ask for the job's end; lines that have run keep their results. A job that has ended stays as it is."""
        ...


class Row(Protocol):
    """One row of the provider table: what the UI shows of it, and how its accounts are made."""

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        ...

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return an account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        ...
