"""A real gateway on a real port in front of the fake provider, with its spool in a temporary folder."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec

from pilothouse.catalog.charges import Charges
from pilothouse.catalog.prices import Catalog
from pilothouse.domain import access, snapshot
from pilothouse.domain.access import KeyKind, Permission, Project, VirtualKey
from pilothouse.domain.call import CallRecord
from pilothouse.domain.clock import FakeClock, SystemClock
from pilothouse.domain.redaction.policy import ProjectPolicy
from pilothouse.domain.secret import KEY_BYTES, SecretBox
from pilothouse.domain.snapshot import Account, Alias, Snapshot, Target
from pilothouse.gateway.app import GatewayApp
from pilothouse.gateway.deferred import Deferred
from pilothouse.gateway.fetch import Fetcher
from pilothouse.gateway.files.ports import FileStore
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.pipeline import Parts
from pilothouse.gateway.resources import Resource, Resources
from pilothouse.gateway.responses.keeper import Keeper
from pilothouse.gateway.side import Side
from pilothouse.gateway.snapshots import Snapshots
from pilothouse.providers.fake import FakeProvider
from pilothouse.spool import SpoolOptions, SpoolReader, SpoolWriter
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport
from pilothouse.wiring.http_server import HttpOptions, HttpServer
from pilothouse.wiring.ports import pick

CATALOG = Catalog()
PROVIDER_KEY = "sk-provider-secret-0123456789"


class Gateway:
    """The running gateway and all that a test may look at."""

    def __init__(self, url: str, fake: FakeProvider, folder: Path, box: SecretBox) -> None:
        self.url = url
        self.fake = fake
        self.folder = folder
        self.box = box
        self.secret = access.mint(KeyKind.VIRTUAL_KEY)
        self.keys = [self.key(self.secret)]
        self.accounts: list[Account] = []
        self.aliases: list[Alias] = []
        self.redaction: list[ProjectPolicy] = []
        self.version = 0
        self.snapshots: Snapshots | None = None
        self.deferred: Deferred | None = None
        self.reader = SpoolReader(folder / "spool")
        self._records: list[CallRecord] = []

    def key(self, secret: str, **changes: object) -> VirtualKey:
        """Return a key of the test project."""
        key = VirtualKey(
            id=f"key-{access.digest(secret)[:6]}", project_id="project", name="test", digest=access.digest(secret),
            hint=access.hint(secret), permissions=(Permission.INFERENCE,), models=(), created_at_ns=1,
        )  # fmt: skip
        return msgspec.structs.replace(key, **changes)

    def account(self, name: str, base_url: str, **changes: object) -> Account:
        """Return an account at an OpenAI-compatible server, with the test's provider key."""
        sealed = self.box.seal(PROVIDER_KEY, f"account:{name}", b"0" * 12)
        account = Account(
            id=name, name=name, provider="openai_compatible", base_url=base_url, sealed_secret=sealed,
            models=("fake-chat", "fake-embed"),
        )  # fmt: skip
        return msgspec.structs.replace(account, **changes)

    def publish(self) -> None:
        """Write the snapshot file and have the gateway take it over."""
        self.version += 1
        state = Snapshot(
            version=self.version, made_at_ns=1, projects=(Project("project", "Test", 1),), keys=tuple(self.keys),
            accounts=tuple(self.accounts), aliases=tuple(self.aliases), redaction=tuple(self.redaction),
        )  # fmt: skip
        (self.folder / "snapshot.msgpack").write_bytes(snapshot.encode(state))
        if self.snapshots is not None:
            self.snapshots.refresh()

    @property
    def headers(self) -> dict[str, str]:
        """Headers with the test's key."""
        return {"authorization": f"Bearer {self.secret}"}

    def client(self, **options: object) -> httpx.AsyncClient:
        """Return an HTTP client at the gateway with the test's key."""
        return httpx.AsyncClient(base_url=self.url, headers=self.headers, trust_env=False, timeout=20, **options)  # type: ignore[arg-type]

    async def records(self, count: int = 1) -> list[CallRecord]:
        """Return the records of the spool once there are `count`, and that no more come."""
        decoder = msgspec.msgpack.Decoder(CallRecord)
        async with asyncio.timeout(10):
            while len(self._records) < count:
                batch = self.reader.read()
                if batch is None:
                    await asyncio.sleep(0.01)
                    continue
                self._records += [decoder.decode(item.payload) for item in batch.items]
                self.reader.ack(batch)
        assert len(self._records) == count, [record.error_code for record in self._records]
        return self._records

    async def record(self) -> CallRecord:
        """Return the one record."""
        return (await self.records(1))[0]


def chat(model: str = "up/fake-chat", **fields: object) -> dict[str, object]:
    """Return a small chat request."""
    return {"model": model, "messages": [{"role": "user", "content": "Say hello."}], **fields}


@asynccontextmanager
async def gateway(
    folder: Path,
    clock: FakeClock | None = None,
    spooling: SpoolOptions | None = None,
    rows: Callable[[Parts, Deferred], Iterable[Resource]] | None = None,
    keeper: Callable[[GatewayOptions], Keeper] | None = None,
    files: FileStore | None = None,
    **options: object,
) -> AsyncGenerator[Gateway]:
    """Run a gateway with one account `up` at a fake provider, and an alias `default` to it."""
    catalog = options.pop("catalog", CATALOG)
    assert isinstance(catalog, Catalog)
    chosen = GatewayOptions(port=pick("127.0.0.1"), **options)  # type: ignore[arg-type]
    box = SecretBox(b"k" * KEY_BYTES)
    async with FakeProvider() as fake:
        (folder / "spool").mkdir()
        running = Gateway(f"http://127.0.0.1:{chosen.port}", fake, folder, box)
        running.accounts = [running.account("up", fake.base_url)]
        running.aliases = [Alias("alias", "default", (Target("up", "fake-chat"),))]
        running.publish()
        snapshots = running.snapshots = Snapshots(folder / "snapshot.msgpack", chosen.snapshot_poll_s, box)
        snapshots.refresh()
        transport = PooledTransport(TransportOptions())
        with SpoolWriter(folder / "spool", spooling) as spool:
            kept = keeper(chosen) if keeper else None
            used = clock or SystemClock()
            fetches = chosen.fetch_media == "fetch"
            fetcher = Fetcher(chosen, TransportOptions(), used.monotonic_ns) if fetches else None
            parts = Parts(
                chosen, used, spool, transport, snapshots.index, kept, fetcher, files, Charges(catalog),
                lambda: catalog.facts,
            )  # fmt: skip
            checks = lambda: {"snapshot": snapshots.problem, "spool": spool.ping()}  # noqa: E731
            serves = lambda: snapshots.in_force and not (spool.full and spool.options.on_full == "refuse")  # noqa: E731
            running.deferred = Deferred(parts)
            paths = rows(parts, running.deferred) if rows else ()
            side = Side(snapshots.index, parts.clock, checks, serves, Resources(paths, snapshots.index, parts.clock))
            http = HttpOptions(
                host="127.0.0.1", port=chosen.port, setting="PILOTHOUSE_GATEWAY_PORT", drain_s=2, joined_writes=True
            )
            async with HttpServer(GatewayApp(parts, side), http):
                yield running
            await transport.close()
            if fetcher is not None:
                await fetcher.close()
        running.reader.close()
