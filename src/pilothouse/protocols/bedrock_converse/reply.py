"""What the record needs of an answer that came whole."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose
from pilothouse.protocols.base import Reply
from pilothouse.protocols.bedrock_converse import errors, usage


class _Body(msgspec.Struct, rename="camel"):
    output: dict[str, msgspec.Raw] | None = None
    stop_reason: Any = None
    usage: Any = None
    service_tier: Any = None
    trace: Any = None


_DECODER = msgspec.json.Decoder(_Body)


def read_reply(body: bytes) -> Reply:
    """Return what the record needs of a Converse answer, or the error object that came in its place.

    Raises `UpstreamProtocol` for anything that is neither.
    """
    try:
        found = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer is not a Converse object", upstream_status=200, body=body[:65536]
        ) from error
    if found.output is None:
        problem = errors.read_error(body)
        if problem is not None:
            return Reply(error=problem)
        raise UpstreamProtocol("the provider's answer has no output", upstream_status=200, body=body[:65536])
    stop = found.stop_reason if isinstance(found.stop_reason, str) else ""
    return Reply(routed_model(found.trace), usage.read(found.usage, found.service_tier), stop)


def routed_model(trace: Any) -> str:
    """Return the model that a prompt router chose, from a decoded `trace`; Bedrock names no other."""
    found = loose.mapping(loose.mapping(trace).get("promptRouter")).get("invokedModelId")
    return found if isinstance(found, str) else ""
