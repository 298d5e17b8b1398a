"""An answer of Gemini's as the domain sees it."""

from datetime import datetime
from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Part, StopReason, Text, ToolCall
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import loose, raw_json
from pilothouse.protocols.answer_tool import unwrapped
from pilothouse.protocols.base import NO_MEMO, Memo
from pilothouse.protocols.gemini import logprobs, usage, wire
from pilothouse.protocols.gemini.grounding import CITING, cited
from pilothouse.protocols.gemini.parts_in import read_part
from pilothouse.protocols.gemini.reply import block_reason

_CANDIDATE = ("content", "finishReason", "index", "logprobsResult")
_TOP = ("candidates", "usageMetadata", "modelVersion", "responseId", "createTime")


def read_reply(body: bytes, memo: Memo = NO_MEMO) -> ChatReply:
    """Return the answer, for a blocked prompt an empty one; raises `UpstreamProtocol` when it is none."""
    try:
        return _read(body, memo)
    except (InvalidRequest, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = error.detail if isinstance(error, InvalidRequest) else str(error)
        raise UpstreamProtocol(
            f"the provider's answer is not as it must be: {reason}", upstream_status=200, body=body[:65536]
        ) from error


def _read(body: bytes, memo: Memo) -> ChatReply:
    top = wire.members(body, "the answer")
    identity = raw_json.text(top.get("responseId"), "responseId")
    choices = [
        _choice(raw, f"candidates.{place}", Minter(identity, place), memo)
        for place, raw in enumerate(raw_json.items(top.get("candidates"), "candidates"))
    ]
    blocked = block_reason(raw_json.value(top["promptFeedback"])) if "promptFeedback" in top else ""
    if not choices and blocked:
        choices = [Choice((), StopReason.FILTERED, blocked)]
    metered: Any = raw_json.value(top["usageMetadata"]) if "usageMetadata" in top else None
    return ChatReply(
        id=identity,
        model=raw_json.text(top.get("modelVersion"), "modelVersion"),
        created_s=created_s(raw_json.value(top["createTime"])) if "createTime" in top else 0,
        choices=tuple(choices),
        usage=usage.read(metered),
        service_tier=usage.tier_name(metered),
        extra=wire.extra(raw_json.rest(top, *_TOP)),
    )


class Minter:
    """Gives ids to the calls of one candidate that come without."""

    def __init__(self, answer: str, candidate: int) -> None:
        self._about = (answer, candidate)
        self._calls = 0

    def named(self, call: ToolCall) -> ToolCall:
        """Return the call with an id."""
        self._calls += 1
        if call.id:
            return call
        # Without the answer's own id only the arguments tell it from the answer before.
        more = "" if self._about[0] else call.arguments
        return msgspec.structs.replace(call, id=wire.minted_id(*self._about, self._calls, call.name, more))


def shown(part: Part, minter: Minter, memo: Memo) -> Part:
    """Return a call under the caller's name for it, or as the answer when it stands in for a schema."""
    if not isinstance(part, ToolCall):
        return part
    if memo.format_tool and part.name == memo.format_tool:
        return Text(unwrapped(part.arguments, memo))
    name = memo.tool_names.get(part.name, part.name)
    return minter.named(msgspec.structs.replace(part, name=name, arguments=part.arguments or "{}"))


def created_s(told: Any) -> int:
    """Return Unix time of a decoded RFC 3339 text; 0 for anything else."""
    try:
        return int(datetime.fromisoformat(loose.text(told)).timestamp())
    except (ValueError, OverflowError):
        return 0


def _choice(raw: msgspec.Raw, path: str, minter: Minter, memo: Memo) -> Choice:
    fields = wire.members(raw, path)
    content = wire.members(fields.get("content"), f"{path}.content")
    items = raw_json.items(content.get("parts"), f"{path}.content.parts")
    parts = [shown(read_part(item, f"{path}.content.parts.{place}"), minter, memo) for place, item in enumerate(items)]
    parts = cited(parts, {key: raw_json.value(fields[key]) for key in CITING if key in fields})
    word = raw_json.text(fields.get("finishReason"), f"{path}.finishReason")
    called = any(isinstance(part, ToolCall) for part in parts)
    chances = logprobs.read(raw_json.value(fields["logprobsResult"])) if "logprobsResult" in fields else None
    return Choice(
        tuple(parts),
        wire.stop_reason(word, called=called),
        word,
        logprobs={"content": chances, "refusal": None} if chances else None,
        extra=wire.extra(raw_json.rest(fields, *_CANDIDATE)),
    )
