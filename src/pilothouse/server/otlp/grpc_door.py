"""OpenTelemetry over gRPC: the three `Export` calls, taken in as those over HTTP are."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import StrEnum
from typing import Any, NoReturn

import grpc
import grpc.aio

from pilothouse.errors import InternalError, PilothouseError
from pilothouse.otlp.answers import Signal, accepted, refused
from pilothouse.otlp.decode import Encoding
from pilothouse.server.otlp import statuses
from pilothouse.server.otlp.door import Arrival, Door
from pilothouse.server.otlp.surfaces import GRPC
from pilothouse.server.otlp.tls import TlsFiles

_log = logging.getLogger(__name__)
_SERVICES = {
    Signal.TRACES: "opentelemetry.proto.collector.trace.v1.TraceService",
    Signal.LOGS: "opentelemetry.proto.collector.logs.v1.LogsService",
    Signal.METRICS: "opentelemetry.proto.collector.metrics.v1.MetricsService",
}
_SIGNALS = {f"/{service}/Export": signal for signal, service in _SERVICES.items()}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS = "grpc-status-details-bin"
_ERROR = "x-pilothouse-error"

_Context = grpc.aio.ServicerContext[bytes, bytes]
_Export = Callable[[bytes, _Context], Awaitable[bytes]]


class Served(StrEnum):
    """Who answers OTLP/gRPC at an address."""

    OURS = "ours"
    OTHERS = "others"
    NOBODY = "nobody"


def probe(address: str, timeout_s: float) -> Served:
    """Return who answers at an address without TLS, by asking without a key; blocks for at most `timeout_s`."""
    # a proxy of the environment must not stand in the way to this machine's own port
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        calls: Any = channel
        export = calls.unary_unary(f"/{_SERVICES[Signal.TRACES]}/Export")
        try:
            export(b"", timeout=timeout_s)
        except grpc.RpcError as error:
            if not isinstance(error, grpc.Call):
                return Served.OTHERS
            if any(one.key == _ERROR for one in error.trailing_metadata() or ()):
                return Served.OURS
            return Served.NOBODY if error.code() is grpc.StatusCode.UNAVAILABLE else Served.OTHERS
    return Served.OTHERS


class _KeysFirst(grpc.aio.ServerInterceptor):
    """Refuses calls without a good key before their message is read, so that strangers fill no memory."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return what serves the call."""
        signal = _SIGNALS.get(handler_call_details.method)
        if signal is None:
            return await continuation(handler_call_details)
        try:
            await self._door.admit(Arrival(GRPC, signal, _headers(handler_call_details.invocation_metadata)))
        except PilothouseError as error:
            return _refusing(error)
        return await continuation(handler_call_details)


def _refusing(error: PilothouseError) -> Any:
    async def refuse(messages: AsyncIterator[bytes], context: _Context) -> bytes:
        await _refuse(context, error)

    handlers: Any = grpc
    return handlers.stream_unary_rpc_method_handler(refuse)


class GrpcDoor:
    """Serves between `start` and `stop`. The address has to be free: the caller looks first."""

    def __init__(self, door: Door) -> None:
        """Listen; raises `SettingsInvalid` for a certificate that is wrong, and never serves without it then."""
        self._door = door
        options = door.options
        self._tls = TlsFiles(options) if options.grpc_cert_file else None
        self._server = grpc.aio.server(
            interceptors=(_KeysFirst(door),),
            options=(
                ("grpc.max_receive_message_length", options.max_body_bytes),
                # two installations that share a port would each get some of what is sent
                ("grpc.so_reuseport", 0),
            ),
        )
        self._server.add_generic_rpc_handlers(
            tuple(
                grpc.method_handlers_generic_handler(
                    service, {"Export": grpc.unary_unary_rpc_method_handler(self._export(signal))}
                )
                for signal, service in _SERVICES.items()
            )
        )
        host = f"[{options.grpc_host}]" if ":" in options.grpc_host else options.grpc_host
        address = f"{host}:{options.grpc_port}"
        if self._tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, self._tls.credentials)

    async def start(self) -> None:
        """Serve from now on."""
        await self._server.start()

    async def stop(self, grace_s: float) -> None:
        """Take no new calls, and let open ones end within `grace_s`."""
        await self._server.stop(grace_s)

    def _export(self, signal: Signal) -> _Export:
        async def export(body: bytes, context: _Context) -> bytes:
            try:
                return await self._take(Arrival(GRPC, signal, _headers(context.invocation_metadata())), body)
            except PilothouseError as error:
                await _refuse(context, error)
            except Exception as error:  # noqa: BLE001 - border: a request
                _log.exception("telemetry over gRPC failed")
                await _refuse(context, InternalError(str(error)))

        return export

    async def _take(self, arrival: Arrival, body: bytes) -> bytes:
        key = await self._door.admit(arrival)
        try:
            with self._door.bodies.holding() as holding:
                holding.take(len(body))
                rejected = await self._door.take(arrival, key, body)
        except PilothouseError as error:
            self._door.refuse(arrival, key, error)
            raise
        return accepted(arrival.signal, Encoding.PROTOBUF, rejected)


async def _refuse(context: _Context, error: PilothouseError) -> NoReturn:
    code, message, wait_s = statuses.code_of(error), statuses.told(error), statuses.wait_s(error)
    details = refused(Encoding.PROTOBUF, code, message, wait_s)
    await context.abort(_CODES[code], message, trailing_metadata=((_DETAILS, details), (_ERROR, error.code)))
    raise error  # never reached: `abort` ends the call


def _headers(metadata: Any) -> dict[str, str]:
    return {
        name.lower(): value if isinstance(value, str) else str(value, "utf-8", "replace")
        for name, value in metadata or ()
    }
