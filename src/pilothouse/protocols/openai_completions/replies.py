"""Whole completions into the domain and out of it."""

from typing import Any

from pilothouse.domain.chat import ChatReply, Choice, Refusal, StopReason, Text
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_usage
from pilothouse.protocols.base import NO_MEMO, Echo, Memo
from pilothouse.protocols.loose import ANY, ENCODER, integer, mapping, objects, text
from pilothouse.protocols.openai_chat.stops import finish_reason, stop_reason
from pilothouse.protocols.openai_completions import logprobs
from pilothouse.protocols.openai_completions.prompts import echoed


def read_whole(body: bytes, _memo: Memo = NO_MEMO) -> ChatReply:
    """Return an answer; raises `UpstreamProtocol` when it has no choices."""
    try:
        found = mapping(ANY.decode(body))
        choices = sorted(objects(found["choices"]), key=lambda choice: integer(choice.get("index")) or 0)
    except (KeyError, ValueError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer has no choices", upstream_status=200, body=body[:65536]
        ) from error
    return ChatReply(
        id=text(found.get("id")),
        model=text(found.get("model")),
        created_s=integer(found.get("created")) or 0,
        choices=tuple(map(_read_choice, choices)),
        usage=openai_usage.read(found.get("usage")),
    )


def _read_choice(choice: dict[str, Any]) -> Choice:
    raw, said = text(choice.get("finish_reason")), text(choice.get("text"))
    parts = (Text(said),) if said else ()
    return Choice(parts, stop_reason(raw), raw, logprobs=logprobs.to_chat(choice.get("logprobs")))


def write_whole(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer as a `text_completion`; thoughts are not part of its text."""
    before = echoed(echo.request)
    body: dict[str, Any] = {
        "id": completion_id(reply.id, echo),
        "object": "text_completion",
        "created": reply.created_s or echo.created_s,
        "model": reply.model or echo.request.model,
        "choices": [_write_choice(number, choice, before) for number, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        body["usage"] = openai_usage.write(reply.usage)
    return ENCODER.encode(body)


def completion_id(given: str, echo: Echo) -> str:
    """Return the answer's id: the provider's own, else one made of the call's."""
    return given or f"cmpl-{echo.id}"


def _write_choice(place: int, choice: Choice, before: str) -> dict[str, Any]:
    said = "".join(part.text for part in choice.parts if isinstance(part, Text | Refusal))
    chances = logprobs.from_chat(mapping(choice.logprobs).get("content"), len(before))
    return {"text": before + said, "index": place, "logprobs": chances, "finish_reason": finish_word(choice.stop)}


def finish_word(stop: StopReason) -> str:
    """Return a completion's word for the end of an answer."""
    return "stop" if stop is StopReason.TOOL_CALLS else finish_reason(stop)
