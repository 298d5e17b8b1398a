"""How OpenTelemetry is taken in, in a module of its own so that settings load nothing else."""

import msgspec


class OtlpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the doors for OpenTelemetry; OTLP/HTTP is served at the platform's own port."""

    grpc_enabled: bool = True
    """Whether OTLP/gRPC is served."""
    grpc_host: str = "127.0.0.1"
    """Address that OTLP/gRPC listens on; before you open it to a network, give it a certificate or put a proxy with TLS
    in front."""
    grpc_port: int = 4317
    """The port that exporters take for OTLP/gRPC by default."""
    grpc_cert_file: str = ""
    """PEM file with the certificate of OTLP/gRPC, first, and those that vouch for it; empty means without TLS. When the
    file changes, new connections get the new certificate."""
    grpc_key_file: str = ""
    """PEM file with the private key of `grpc_cert_file`, without a passphrase."""
    grpc_client_ca_file: str = ""
    """PEM file with the authorities whose certificates clients of OTLP/gRPC must show; empty asks them for none."""
    max_body_bytes: int = 64 * 1024**2
    """Bytes of one request at most, as sent and decompressed."""
    max_open_bytes: int = 256 * 1024**2
    """Bytes of requests that are being taken in at the same time; beyond it senders are told to come again."""
    body_timeout_s: float = 60.0
    """How long a request's body may take to come."""
