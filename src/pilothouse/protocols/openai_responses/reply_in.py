"""A whole answer of the Responses API, read into the domain."""

from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Native, Part, Refusal, StopReason, Text, ToolCall
from pilothouse.domain.chat.parts import Extra
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.base import NO_MEMO, Memo
from pilothouse.protocols.loose import count, mapping, objects, text
from pilothouse.protocols.openai_responses import usage
from pilothouse.protocols.openai_responses.items_in import read_item
from pilothouse.protocols.openai_responses.reply import finish_word, read_response
from pilothouse.protocols.openai_responses.wire import NAME

_KEPT = ("metadata", "background")
_INCOMPLETE = {
    "max_output_tokens": StopReason.LENGTH,
    "max_tokens": StopReason.LENGTH,
    "content_filter": StopReason.FILTERED,
}
_UNFINISHED = ("in_progress", "queued")
_MAX_SHOWN = 65_536


def read_reply(body: bytes, memo: Memo = NO_MEMO) -> ChatReply:
    """Return the answer; raises `UpstreamProtocol`."""
    response = read_response(body)
    parts: list[Part] = []
    for place, item in enumerate(objects(response["output"])):
        try:
            parts.extend(read_output(item, memo, f"output.{place}"))
        except InvalidRequest as error:
            raise UpstreamProtocol(
                f"the provider's answer is malformed: {error.detail}", upstream_status=200, body=body[:_MAX_SHOWN]
            ) from error
    kept = {name: response[name] for name in _KEPT if response.get(name)}
    choice = Choice(tuple(parts), stop_of(response, parts), finish_word(response), logprobs=_logprobs(response))
    created = response.get("created_at")
    return ChatReply(
        id=text(response.get("id")),
        model=text(response.get("model")),
        created_s=int(created) if isinstance(created, float) else count(created),
        choices=(choice,),
        usage=usage.read(response),
        service_tier=text(response.get("service_tier")),
        extra=Extra(NAME, kept) if kept else None,
    )


def read_output(item: dict[str, Any], memo: Memo, where: str) -> tuple[Part, ...]:
    """Return the parts of one item of the output; raises `InvalidRequest` for a malformed one."""
    if item.get("type") == "item_reference":
        return (Native(NAME, item),)
    told = {"role": "assistant", **item} if item.get("type") == "message" else item
    return tuple(restored(part, memo) for part in read_item(told, where).parts)


def restored(part: Part, memo: Memo) -> Part:
    """Return a tool call by the name that the caller gave the tool, and a text without the object it was asked in."""
    if memo.wrapped and isinstance(part, Text):
        return msgspec.structs.replace(part, text=unwrapped(part.text, memo))
    if isinstance(part, ToolCall) and part.name in memo.tool_names:
        return msgspec.structs.replace(part, name=memo.tool_names[part.name])
    return part


def stop_of(response: dict[str, Any], parts: list[Part]) -> StopReason:
    """Return why the answer stopped, by its status and by what is in it."""
    status = response.get("status")
    if status == "incomplete":
        reason = text(mapping(response.get("incomplete_details")).get("reason"))
        return _INCOMPLETE.get(reason, StopReason.LENGTH)
    if status == "failed":
        return StopReason.BROKEN
    if status in _UNFINISHED:
        return StopReason.PAUSED
    if any(isinstance(part, ToolCall) for part in parts):
        return StopReason.TOOL_CALLS
    if any(isinstance(part, Refusal) for part in parts):
        return StopReason.REFUSED
    return StopReason.END if status in ("completed", None) else StopReason.UNKNOWN


def _logprobs(response: dict[str, Any]) -> Any:
    found = [
        entry
        for item in objects(response["output"])
        for part in objects(item.get("content"))
        for entry in objects(part.get("logprobs"))
    ]
    return {"content": found, "refusal": None} if found else None
