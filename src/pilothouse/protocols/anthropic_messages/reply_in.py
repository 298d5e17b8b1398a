"""A Messages answer as the domain sees it."""

from typing import Any, cast

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Part, Reasoning, StopReason, Text, ToolCall
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import loose
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.anthropic_messages import blocks_in, usage, wire
from pilothouse.protocols.base import Memo

_READ = frozenset({"type", "role", "id", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage"})
_BARE = frozenset({"type", "text", "citations"})
_SHOWN_BYTES = 65536


class _Content(msgspec.Struct):
    content: list[msgspec.Raw]


_CONTENT = msgspec.json.Decoder(_Content)


def read_reply(body: bytes, memo: Memo) -> ChatReply:
    """Return the answer; raises `UpstreamProtocol` when it is none."""
    try:
        return _read(body, memo)
    except (InvalidRequest, KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer is not a message", upstream_status=200, body=body[:_SHOWN_BYTES]
        ) from error


def _read(body: bytes, memo: Memo) -> ChatReply:
    fields = loose.mapping(loose.ANY.decode(body))
    parts = _parts(fields["content"], body, memo)
    told = fields.get("usage")
    others: dict[str, Any] = {}
    if not fields.keys() <= _READ:
        others = {key: value for key, value in fields.items() if key not in _READ and value is not None}
    return ChatReply(
        id=loose.text(fields.get("id")),
        model=loose.text(fields.get("model")),
        choices=(choice(parts, fields, called=ToolCall in map(type, parts)),),
        usage=usage.read(told),
        service_tier=usage.tier_name(told),
        extra=wire.extra(others),
    )


def _parts(blocks: Any, body: bytes, memo: Memo) -> tuple[Part, ...]:
    """Return the parts of the blocks; all but bare text is read anew from the body, where arguments are as they came.

    Raises `InvalidRequest`, or `msgspec.ValidationError` where there is no list of blocks.
    """
    if isinstance(blocks, list):
        texts = [_bare_text(loose.mapping(block)) for block in cast("list[Any]", blocks)]
        if None not in texts:
            return tuple([Text(said) for said in texts if said is not None])
    listed = enumerate(_CONTENT.decode(body).content)
    return tuple([answer_part(blocks_in.read_block(raw, f"content.{at}"), memo) for at, raw in listed])


def _bare_text(block: dict[str, Any]) -> str | None:
    """Return the text of a block that holds nothing else; None for any other block."""
    said = block.get("text")
    bare = block.get("type") == "text" and block.keys() <= _BARE and block.get("citations") is None
    return said if bare and isinstance(said, str) else None


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
