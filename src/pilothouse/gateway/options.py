"""What an operator may set about the gateway."""

from typing import Literal

import msgspec


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of the gateway process."""

    host: str = "127.0.0.1"
    """Address to listen on; loopback by default, `0.0.0.0` to serve other machines."""
    port: int = 4000
    workers: int = 1
    """Processes that serve calls; more than one needs Redis, because limits would not hold otherwise."""
    max_body_bytes: int = 64 * 1024 * 1024
    """A larger request body is refused with 413."""
    max_reply_bytes: int = 256 * 1024 * 1024
    """A larger unstreamed answer is given up with 502."""
    record_body_bytes: int = 1024 * 1024
    """Each of request and answer is recorded up to this size; the full size is always recorded."""
    unsupported: Literal["refuse", "drop"] = "refuse"
    """What happens when a model's provider cannot take a part of a request that matters: refuse the call with 400, or
    drop the part and say so on the trace. Hints (seed, user …) are always dropped and noted."""
    snapshot_poll_s: float = 0.2
    """How often the gateway looks for changed keys and routes."""
    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 600.0
    between_bytes_timeout_s: float = 120.0
    """Longest silence inside an answer; comments and pings of a stream do not count as progress."""
    total_timeout_s: float = 1800.0
    drain_s: float = 30.0
    """On shutdown, how long open calls may take to end."""
