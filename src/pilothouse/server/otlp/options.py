"""How OpenTelemetry is taken in, in a module of its own so that settings load nothing else."""

import msgspec


class OtlpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the doors for OpenTelemetry; OTLP/HTTP is served at the platform's own port."""

    grpc_enabled: bool = True
    """Whether OTLP/gRPC is served."""
    grpc_host: str = "127.0.0.1"
    """Address that OTLP/gRPC listens on. Without TLS: put a proxy in front before you open it to a network."""
    grpc_port: int = 4317
    """The port that exporters take for OTLP/gRPC by default."""
    max_body_bytes: int = 64 * 1024**2
    """Bytes of one request at most, as sent and decompressed."""
    max_open_bytes: int = 256 * 1024**2
    """Bytes of requests that are being taken in at the same time; beyond it senders are told to come again."""
    body_timeout_s: float = 60.0
    """How long a request's body may take to come."""
