"""A Converse answer as the domain sees it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Part, StopReason, Text, ToolCall
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import loose, raw_json
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.base import NO_MEMO, Memo
from pilothouse.protocols.bedrock_converse import blocks_in, usage, wire
from pilothouse.protocols.bedrock_converse.reply import routed_model

_READ = ("output", "stopReason", "usage", "serviceTier", "metrics")


def read_reply(body: bytes, memo: Memo = NO_MEMO) -> ChatReply:
    """Return the answer; raises `UpstreamProtocol` when it is none."""
    try:
        top = raw_json.members(body, "the answer")
        output = raw_json.members(top.get("output", msgspec.Raw(b"{}")), "output")
        message = raw_json.members(output.get("message", msgspec.Raw(b"{}")), "output.message")
        content = raw_json.items(message.get("content"), "output.message.content")
        parts = blocks_in.read_blocks(content, "output.message.content")
        raw_stop = raw_json.text(top.get("stopReason"), "stopReason")
    except (InvalidRequest, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = error.detail if isinstance(error, InvalidRequest) else str(error)
        raise UpstreamProtocol(
            f"the provider's answer is not as it must be: {reason}", upstream_status=200, body=body[:65536]
        ) from error
    shown = [named(part, memo) for part in parts]
    answered = any(isinstance(part, ToolCall) and part.name == memo.format_tool for part in parts)
    stop = format_stop(wire.stop_reason(raw_stop), shown) if answered else wire.stop_reason(raw_stop)
    tier: Any = raw_json.value(top["serviceTier"]) if "serviceTier" in top else None
    return ChatReply(
        model=routed_model(raw_json.value(top["trace"])) if "trace" in top else "",
        choices=(Choice(tuple(shown), stop, raw_stop, _stop_text(top)),),
        usage=usage.read(raw_json.value(top["usage"]), tier) if "usage" in top else None,
        service_tier=usage.tier_name(tier),
        extra=blocks_in.extra(raw_json.rest(top, *_READ)),
    )


def named(part: Part, memo: Memo) -> Part:
    """Return a tool call under the caller's name for it, or as the answer when it stands in for a schema."""
    if not isinstance(part, ToolCall):
        return part
    if memo.format_tool and part.name == memo.format_tool:
        return Text(unwrapped(part.arguments, memo))
    name = memo.tool_names.get(part.name)
    return part if name is None else msgspec.structs.replace(part, name=name)


def format_stop(stop: StopReason, parts: list[Part]) -> StopReason:
    """A call of the format tool is the answer, and so a natural end, unless other tools were called beside it."""
    if stop is StopReason.TOOL_CALLS and not any(isinstance(part, ToolCall) for part in parts):
        return StopReason.END
    return stop


def _stop_text(top: dict[str, msgspec.Raw]) -> str:
    if "additionalModelResponseFields" not in top:
        return ""
    return stop_sequence(raw_json.value(top["additionalModelResponseFields"]))


def stop_sequence(fields: Any) -> str:
    """Return the stop sequence that was met, from decoded `additionalModelResponseFields`, which callers ask for."""
    found = loose.mapping(fields).get("stop_sequence")
    return found if isinstance(found, str) else ""
