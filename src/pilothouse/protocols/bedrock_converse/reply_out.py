"""An answer of the domain as a Converse answer."""

from typing import Any

from pilothouse.domain.chat import ChatReply, Choice
from pilothouse.protocols import loose
from pilothouse.protocols.base import Echo
from pilothouse.protocols.bedrock_converse import usage, wire
from pilothouse.protocols.bedrock_converse.blocks_out import fields_of, plain_blocks

_TIERS = frozenset({"default", "flex", "priority", "reserved"})


def write_reply(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer; of several choices the first, since Converse knows only one."""
    choice = reply.choices[0] if reply.choices else Choice(())
    document: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": plain_blocks(choice.parts)}},
        "stopReason": wire.stop_word(choice.stop, choice.stop_raw),
        "usage": usage.write(reply.usage),
        **metrics(echo),
        **tier(reply.service_tier),
        **fields_of(reply.extra),
    }
    if choice.stop_text:
        more = loose.mapping(document.get("additionalModelResponseFields"))
        document["additionalModelResponseFields"] = {**more, "stop_sequence": choice.stop_text}
    return loose.ENCODER.encode(document)


def metrics(echo: Echo | None) -> dict[str, Any]:
    """Return the member that says how long the call took, as far as is known."""
    return {"metrics": {"latencyMs": echo.elapsed_ms()}} if echo is not None and echo.elapsed_ms is not None else {}


def tier(name: str) -> dict[str, Any]:
    """Return the member that names the tier that served, when Bedrock has a word for it."""
    return {"serviceTier": {"type": name}} if name in _TIERS else {}
