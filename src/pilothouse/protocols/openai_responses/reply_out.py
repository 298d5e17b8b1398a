"""A whole answer of the domain as a response object."""

from typing import Any

from pilothouse.domain.chat import ChatReply, Choice, Part, Reasoning, Refusal, ToolCall
from pilothouse.protocols.base import Echo
from pilothouse.protocols.openai_responses import output, response, wire

_NOTHING = Choice(())


def write_reply(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer as JSON; this API has one choice, so any other is left out."""
    choice = reply.choices[0] if reply.choices else _NOTHING
    base = response.base_id(reply.id, echo)
    end = response.ending(choice.stop, refusal_shown=any(isinstance(part, Refusal) for part in choice.parts))
    answer = response.Answer(
        id=base,
        model=reply.model,
        created_s=reply.created_s or echo.created_s,
        usage=reply.usage,
        service_tier=reply.service_tier,
    )
    return wire.encode(response.document(answer, _output(choice, base, end.status, echo), end, echo.request))


def _output(choice: Choice, base: str, status: str, echo: Echo) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    open_message: list[dict[str, Any]] | None = None
    logprobs = choice.logprobs
    short = wants_summary(echo)
    for part in choice.parts:
        content = output.content_of(part, logprobs)
        if content is not None:
            logprobs = None
            if open_message is None:
                open_message = []
                items.append(output.message(f"msg_{base}_{len(items)}", open_message, output.COMPLETED))
            open_message.append(content)
            continue
        item = item_of(part, f"{base}_{len(items)}", short=short)
        if item is not None:
            items.append(item)
            open_message = None
    if status == "incomplete" and items and "status" in items[-1]:
        items[-1]["status"] = output.INCOMPLETE
    return items


def item_of(part: Part, suffix: str, *, short: bool) -> dict[str, Any] | None:
    """Return the item of a part that is not text; None when this API has none for it."""
    if isinstance(part, ToolCall):
        return output.call(f"{'ctc' if part.custom else 'fc'}_{suffix}", part, output.COMPLETED)
    if isinstance(part, Reasoning):
        return output.thought(f"rs_{suffix}", output.summarised(part) if short else part, output.COMPLETED)
    return output.whole(suffix, part)


def wants_summary(echo: Echo) -> bool:
    """Return whether the caller asked for summaries of thoughts."""
    thinking = echo.request.thinking
    return thinking is not None and thinking.summary != ""
