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
    off_schema: Literal["refuse", "note"] = "refuse"
    """What happens when an answer breaks a JSON schema that the caller may rely on and the model's provider was not
    held to: end the call with an error, or let the answer pass with a note on the trace."""
    responses_keep_days: int = 30
    """How long a response (`/v1/responses`) is kept, so that it can be fetched, continued and deleted; each one that
    goes on from it keeps it longer. 0 keeps none, and then no call runs in the background either."""
    responses_max_bytes: int = 32 * 1024 * 1024
    """A response that is larger together with its input is answered but not kept."""
    background_calls: int = 16
    """How many responses in the background this process makes at once; the others wait."""
    background_tries: int = 3
    """How often such a call is begun in all, when gateways stop amid it; then it has failed."""
    fetch_media: Literal["refuse", "fetch"] = "refuse"
    """What happens when a request names an image or a document by its address and the model's provider takes bytes
    only: refuse the call with 400, or fetch it. Fetched directly, never through the proxy."""
    fetch_hosts: tuple[str, ...] = ("*",)
    """Hosts to fetch from: `img.example.com`, `*.example.com` for the names below it, `*` for all. Each means the ports
    80 and 443, unless it says another (`img.example.com:8443`). Addresses that are not of the public internet are
    refused, except for hosts that are listed by their full name or address."""
    fetch_max_bytes: int = 20 * 1024 * 1024
    """Of all that one call needs together."""
    fetch_timeout_s: float = 10.0
    """For each address, redirects included."""
    tell_cost: Literal["always", "asked", "never"] = "always"
    """Whether callers are told what a call costs: whole answers always have it in their headers, or only answers to
    requests with the header `x-pilothouse-tell: cost`, or none. Streams tell it only where they are asked to."""
    snapshot_poll_s: float = 0.2
    """How often the gateway looks for changed keys and routes."""
    connect_timeout_s: float = 5.0
    first_byte_timeout_s: float = 600.0
    between_bytes_timeout_s: float = 120.0
    """Longest silence inside an answer; comments and pings of a stream do not count as progress."""
    total_timeout_s: float = 1800.0
    drain_s: float = 30.0
    """On shutdown, how long open calls may take to end."""
    max_file_bytes: int = 512 * 1024 * 1024
    """A larger file sent to `/v1/files` is refused with 413."""
    files_keep_days: float = 30.0
    """How long the input and the output files of batches are kept when their callers say nothing else; 0 keeps them
    until they are deleted."""
    batch_native: bool = True
    """Whether lines of batches go to the provider's own batch service, where there is one: it is cheaper and slower."""
    batch_concurrency: int = 4
    """How many lines of batches run at once where the provider has no such service; one, while callers wait for calls
    of their own."""
    batch_poll_s: float = 5.0
    """How long after its submission a provider's batch is looked at first; the time between looks grows twelvefold."""
