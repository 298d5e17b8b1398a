"""Whether OTLP/gRPC is served as it is set up, as far as that can be told from outside: port, owner, certificate."""

import socket
import ssl
from datetime import UTC, datetime, timedelta

from pilothouse.errors import SettingsInvalid
from pilothouse.server.otlp import grpc_door, tls
from pilothouse.server.otlp.grpc_door import Served
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.server.otlp.tls import Identity
from pilothouse.wiring import ports
from pilothouse.wiring.findings import Finding, State

_NAME = "OTLP/gRPC"
_PORT_SETTING = "PILOTHOUSE_OTLP__GRPC_PORT"
_ANSWER_S = 3.0
_SOON = timedelta(days=7)


def check(options: OtlpOptions) -> Finding:
    """Return what was found; blocks for some seconds at most."""
    if not options.grpc_enabled:
        return Finding(_NAME, State.SKIPPED, "switched off by otlp.grpc_enabled")
    return _plain(options) if not options.grpc_cert_file else _with_tls(options)


def _plain(options: OtlpOptions) -> Finding:
    port = options.grpc_port
    match grpc_door.probe(ports.url(options.grpc_host, port).removeprefix("http://"), _ANSWER_S):
        case Served.OURS:
            return Finding(_NAME, State.OK, f"answers on port {port}, without TLS")
        case Served.NOBODY:
            return ports.silent(_NAME, port, _PORT_SETTING)
        case Served.OTHERS:
            return _others(port)


def _others(port: int) -> Finding:
    holder = ports.holder(port) or "another program"
    mend = f"stop it, or choose another port with {_PORT_SETTING}, and start again"
    return Finding(_NAME, State.WARNING, f"port {port} is used by {holder}, which is not ours", mend)


def _with_tls(options: OtlpOptions) -> Finding:
    port = options.grpc_port
    try:
        identity = tls.load(options)
    except SettingsInvalid as error:
        mend = "correct the file; a server that found it wrong at its start has to be started again"
        return Finding(_NAME, State.FAILED, error.detail, mend)
    try:
        shown = _shown(options)
    except ConnectionRefusedError:
        return ports.silent(_NAME, port, _PORT_SETTING)
    except OSError:
        text = f"what listens on port {port} does not speak TLS"
        return Finding(_NAME, State.FAILED, text, f"start again, or see who has the port and change {_PORT_SETTING}")
    if shown != identity.der:
        text = f"port {port} shows another certificate than the one in {options.grpc_cert_file}"
        mend = "look in the log whether the new one was refused; else see who has the port"
        return Finding(_NAME, State.FAILED, text, mend)
    return _in_time(identity, port)


def _in_time(identity: Identity, port: int) -> Finding:
    left, until = identity.ends_at - datetime.now(UTC), f"{identity.ends_at:%Y-%m-%d %H:%M} UTC"
    text = f"answers on port {port} with TLS, its certificate is good until {until}"
    if left < timedelta():
        mend = "renew it; the new files are taken up by themselves"
        return Finding(_NAME, State.FAILED, f"its certificate was good until {until}: clients refuse it", mend)
    if left < _SOON:
        return Finding(_NAME, State.WARNING, text, "see that it is renewed; the new files are taken up by themselves")
    return Finding(_NAME, State.OK, text)


def _shown(options: OtlpOptions) -> bytes | None:
    """Return the certificate that whoever listens there shows; raises `OSError` when nobody does with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # it is compared with the file, whoever signed it and whatever names are in it
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host = ports.reachable(options.grpc_host)
    with (
        socket.create_connection((host, options.grpc_port), timeout=_ANSWER_S) as plain,
        context.wrap_socket(plain) as wrapped,
    ):
        return wrapped.getpeercert(binary_form=True)
