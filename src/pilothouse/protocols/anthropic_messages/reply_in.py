"""A Messages answer as the domain sees it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Part, Reasoning, StopReason, Text, ToolCall
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import loose, raw_json
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.anthropic_messages import blocks_in, usage, wire
from pilothouse.protocols.base import Memo

_READ = ("type", "role", "id", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage")
_SHOWN_BYTES = 65536


def read_reply(body: bytes, memo: Memo) -> ChatReply:
    """Return the answer; raises `UpstreamProtocol` when it is none."""
    try:
        return _read(body, memo)
    except (InvalidRequest, KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer is not a message", upstream_status=200, body=body[:_SHOWN_BYTES]
        ) from error


def _read(body: bytes, memo: Memo) -> ChatReply:
    fields = raw_json.members(body, "answer")
    content = raw_json.items(fields["content"], "content")
    parts = [answer_part(blocks_in.read_block(raw, f"content.{at}"), memo) for at, raw in enumerate(content)]
    ending = {
        key: raw_json.value(fields[key]) for key in ("stop_reason", "stop_sequence", "stop_details") if key in fields
    }
    raw_usage = raw_json.value(fields["usage"]) if "usage" in fields else None
    called = any(isinstance(part, ToolCall) for part in parts)
    return ChatReply(
        id=_said(fields, "id"),
        model=_said(fields, "model"),
        choices=(choice(tuple(parts), ending, called=called),),
        usage=usage.read(raw_usage),
        service_tier=usage.tier_name(raw_usage),
        extra=wire.extra(raw_json.rest(fields, *_READ)),
    )


def choice(parts: tuple[Part, ...], ending: dict[str, Any], *, called: bool) -> Choice:
    """Return the one choice of an answer."""
    word = loose.text(ending.get("stop_reason"))
    details = ending.get("stop_details")
    more = {"stop_details": details} if details is not None else {}
    return Choice(
        parts, stop(word, called=called), word, loose.text(ending.get("stop_sequence")), None, wire.extra(more)
    )


def stop(word: str, *, called: bool) -> StopReason:
    """Return why the model stopped; the call of the tool that stands in for a schema is a natural end."""
    found = wire.stop_reason(word)
    return StopReason.END if found is StopReason.TOOL_CALLS and not called else found


def answer_part(part: Part, memo: Memo) -> Part:
    """Return a part as the caller knows it: tools by the caller's names, the stand-in for a schema as text."""
    if isinstance(part, Reasoning):
        return msgspec.structs.replace(part, vendor=wire.VENDOR)
    if not isinstance(part, ToolCall):
        return part
    if memo.format_tool and part.name == memo.format_tool:
        return Text(unwrapped(part.arguments, memo))
    return msgspec.structs.replace(part, name=memo.tool_names.get(part.name, part.name))


def _said(fields: dict[str, msgspec.Raw], key: str) -> str:
    return loose.text(raw_json.value(fields[key])) if key in fields else ""
