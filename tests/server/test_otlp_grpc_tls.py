"""OTLP over gRPC with TLS: the official exporter with the right and the wrong certificates, and renewals."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from pilothouse.domain.access import Permission
from pilothouse.errors import SettingsInvalid
from pilothouse.server.otlp import tls
from pilothouse.server.otlp.grpc_door import GrpcDoor
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.wiring.ports import pick
from tests.server.certificates import Authority, Pair
from tests.server.harness import running
from tests.server.otlp_requests import spooled, trace_request

_GIVE_UP_S = 1.0
"""Less than the exporter's pause before it tries again."""
OURS, OTHERS = Authority("ours"), Authority("others")


class Served:
    """OTLP/gRPC with a certificate in files."""

    def __init__(self, folder: Path, port: int, secret: str) -> None:
        self.folder = folder
        self.address = f"localhost:{port}"
        self.port = port
        self.metadata = (("authorization", f"Bearer {secret}"),)

    async def export(self, credentials: grpc.ChannelCredentials | None, give_up_s: float = 10.0) -> SpanExportResult:
        """Send one span with the official exporter, without TLS where there are no credentials."""
        return await asyncio.to_thread(self._export, credentials, give_up_s)

    async def refuses(self, credentials: grpc.ChannelCredentials | None) -> bool:
        """Return whether nothing can be sent."""
        return await self.export(credentials, _GIVE_UP_S) is SpanExportResult.FAILURE

    def shown(self) -> bytes | None:
        """Return the certificate that a new connection is shown."""
        context = ssl.create_default_context(cadata=OURS.certificate.decode())
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as wrapped,
        ):
            return wrapped.getpeercert(binary_form=True)

    def kept(self) -> int:
        """Return how many requests were taken."""
        return len(list(spooled(self.folder)))

    def _export(self, credentials: grpc.ChannelCredentials | None, give_up_s: float) -> SpanExportResult:
        exporter: Any = OTLPSpanExporter(
            endpoint=self.address, credentials=credentials, insecure=credentials is None, headers=self.metadata,
            timeout=give_up_s,
        )  # fmt: skip
        span = TracerProvider().get_tracer("tests").start_span("step")
        span.end()
        assert isinstance(span, ReadableSpan)
        try:
            return exporter.export([span])
        finally:
            exporter.shutdown()


@pytest.fixture
async def held() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def served(held: AsyncExitStack, folder: Path, client_ca: bytes = b"") -> Served:
    certificate, key = OURS.issue().write(folder)
    trusted = folder / "clients.pem"
    if client_ca:
        trusted.write_bytes(client_ca)
    port = pick("127.0.0.1")
    options = OtlpOptions(
        grpc_port=port, grpc_cert_file=certificate, grpc_key_file=key,
        grpc_client_ca_file=str(trusted) if client_ca else "",
    )  # fmt: skip
    run = await held.enter_async_context(running(folder, otlp=options))
    server = GrpcDoor(run.door)
    await server.start()
    held.push_async_callback(server.stop, 0)
    return Served(folder, port, await run.key(Permission.INGEST))


def trusting(authority: Authority, own: Pair | None = None) -> grpc.ChannelCredentials:
    if own is None:
        return grpc.ssl_channel_credentials(authority.certificate)
    return grpc.ssl_channel_credentials(authority.certificate, own.key, own.certificate)


async def test_the_official_exporter_sends_over_tls(held: AsyncExitStack, tmp_path: Path) -> None:
    door = await served(held, tmp_path)
    assert await door.export(trusting(OURS)) is SpanExportResult.SUCCESS
    assert door.kept() == 1


async def test_clients_that_trust_others_or_speak_no_tls_send_nothing(held: AsyncExitStack, tmp_path: Path) -> None:
    door = await served(held, tmp_path)
    for credentials in (trusting(OTHERS), None):
        assert await door.refuses(credentials)
    assert door.kept() == 0


async def test_clients_show_a_certificate_where_one_is_asked_for(held: AsyncExitStack, tmp_path: Path) -> None:
    door = await served(held, tmp_path, OTHERS.certificate)
    for own in (None, OURS.issue()):
        assert await door.refuses(trusting(OURS, own))
    assert door.kept() == 0
    assert await door.export(trusting(OURS, OTHERS.issue())) is SpanExportResult.SUCCESS
    assert door.kept() == 1


async def test_a_renewed_certificate_is_shown_to_new_connections(held: AsyncExitStack, tmp_path: Path) -> None:
    door = await served(held, tmp_path)
    first = await asyncio.to_thread(door.shown)
    async with grpc.aio.secure_channel(door.address, trusting(OURS)) as channel:
        stub: Any = TraceServiceStub(channel)
        export = stub.Export
        await export(trace_request(), timeout=10, metadata=door.metadata)
        renewed = OURS.issue()
        renewed.write(tmp_path)
        assert await asyncio.to_thread(door.shown) == renewed.der != first
        # connections that were open before go on
        await export(trace_request(), timeout=10, metadata=door.metadata)
    assert door.kept() == 2


async def test_files_that_do_not_fit_leave_the_last_good_ones_in_force(
    held: AsyncExitStack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door = await served(held, tmp_path)
    first, renewed = await asyncio.to_thread(door.shown), OURS.issue()
    (tmp_path / "server.pem").write_bytes(renewed.certificate)
    for _ in range(2):
        assert await asyncio.to_thread(door.shown) == first
    # told once, not for each connection
    assert [record.levelno for record in caplog.records if "is not that of" in record.message] == [logging.ERROR]
    (tmp_path / "server.key").unlink()
    assert await asyncio.to_thread(door.shown) == first
    (tmp_path / "server.key").write_bytes(renewed.key)
    assert await asyncio.to_thread(door.shown) == renewed.der


async def test_clients_of_a_new_authority_are_let_in_once_it_is_in_the_file(
    held: AsyncExitStack, tmp_path: Path
) -> None:
    door = await served(held, tmp_path, OTHERS.certificate)
    own = OURS.issue()
    assert await door.refuses(trusting(OURS, own))
    (tmp_path / "clients.pem").write_bytes(OTHERS.certificate + OURS.certificate)
    assert await door.export(trusting(OURS, own)) is SpanExportResult.SUCCESS


@pytest.mark.parametrize(
    ("changed", "content", "said"),
    [
        ("server.pem", None, r"grpc_cert_file: .*server\.pem cannot be read: No such file"),
        ("server.key", None, r"grpc_key_file: .*server\.key cannot be read"),
        ("clients.pem", None, r"grpc_client_ca_file: .*clients\.pem cannot be read"),
        ("server.pem", b"nothing", r"server\.pem holds no certificate"),
        ("clients.pem", b"nothing", r"clients\.pem holds no certificate"),
        ("server.key", OURS.certificate, r"server\.key holds no private key"),
        ("server.key", OURS.issue().locked, r"server\.key is locked with a passphrase"),
        ("server.key", OURS.issue().key, r"the key in .*server\.key is not that of .*server\.pem"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, changed: str, content: bytes | None, said: str) -> None:
    certificate, key = OURS.issue().write(tmp_path)
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(OURS.certificate)
    options = OtlpOptions(grpc_cert_file=certificate, grpc_key_file=key, grpc_client_ca_file=str(trusted))
    assert tls.load(options).client_ca == OURS.certificate
    (tmp_path / changed).unlink()
    if content is not None:
        (tmp_path / changed).write_bytes(content)
    with pytest.raises(SettingsInvalid, match=said):
        tls.load(options)


def test_the_servers_own_certificate_comes_first(tmp_path: Path) -> None:
    pair = OURS.issue()
    certificate, key = pair.write(tmp_path)
    options = OtlpOptions(grpc_cert_file=certificate, grpc_key_file=key)
    Path(certificate).write_bytes(pair.certificate + OURS.certificate)
    assert tls.load(options).der == pair.der
    Path(certificate).write_bytes(OURS.certificate + pair.certificate)
    with pytest.raises(SettingsInvalid, match="must come first"):
        tls.load(options)
