"""Whole chat answers into the domain and out of it."""

from collections.abc import Callable
from typing import Any

import msgspec

from pilothouse.domain.chat import ChatReply, Choice, Extra, Image, Part, ToolCall
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols import openai_usage
from pilothouse.protocols.base import NO_MEMO, Echo, Memo
from pilothouse.protocols.loose import ANY, ENCODER, integer, mapping, objects, text
from pilothouse.protocols.media_address import address_of, media_of
from pilothouse.protocols.openai_chat.stops import ended, finish_reason, stop_reason
from pilothouse.protocols.openai_chat.turns_in import read_assistant
from pilothouse.protocols.openai_chat.turns_out import assistant_fields
from pilothouse.protocols.openai_chat.wire import NAME


def read_whole(body: bytes, _memo: Memo = NO_MEMO) -> ChatReply:
    """Return an answer; raises `UpstreamProtocol` when it has no choices."""
    try:
        found = mapping(ANY.decode(body))
        listed = sorted(objects(found["choices"]), key=lambda choice: integer(choice.get("index")) or 0)
        choices = tuple(map(_read_choice, listed))
    except (KeyError, ValueError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer has no choices", upstream_status=200, body=body[:65536]
        ) from error
    except InvalidRequest as error:
        raise UpstreamProtocol(
            f"the provider's answer cannot be read: {error.detail}", upstream_status=200, body=body[:65536]
        ) from error
    fingerprint = found.get("system_fingerprint")
    return ChatReply(
        id=text(found.get("id")),
        model=text(found.get("model")),
        created_s=integer(found.get("created")) or 0,
        choices=choices,
        usage=openai_usage.tiered(openai_usage.read(found.get("usage")), found.get("service_tier")),
        service_tier=text(found.get("service_tier")),
        extra=Extra(NAME, {"system_fingerprint": fingerprint}) if fingerprint else None,
    )


def _read_choice(choice: dict[str, Any]) -> Choice:
    message = mapping(choice.get("message"))
    parts: tuple[Part, ...] = read_assistant(message).parts
    images = [mapping(image.get("image_url")) for image in objects(message.get("images"))]
    parts += tuple(Image(media_of(text(image.get("url")), "messages")) for image in images if text(image.get("url")))
    raw = text(choice.get("finish_reason"))
    return Choice(parts, ended(stop_reason(raw), map(type, parts)), raw, logprobs=choice.get("logprobs"))


def write_whole(reply: ChatReply, echo: Echo) -> bytes:
    """Return the answer as a `chat.completion`."""
    body = completion(reply, echo, _write_choice)
    if reply.service_tier:
        body["service_tier"] = openai_usage.tier_word(reply.service_tier)
    return ENCODER.encode(body)


def completion(
    reply: ChatReply, echo: Echo, write_choice: Callable[[int, Choice, Echo], dict[str, Any]]
) -> dict[str, Any]:
    """Return the frame of a `chat.completion`, in which a dialect writes the choices its own way."""
    body: dict[str, Any] = {
        "id": reply_id(reply.id, echo),
        "object": "chat.completion",
        "created": reply.created_s or echo.created_s,
        "model": reply.model or echo.request.model,
        "choices": [write_choice(number, choice, echo) for number, choice in enumerate(reply.choices)],
    }
    if reply.usage is not None:
        body["usage"] = openai_usage.write(reply.usage)
    return body


def reply_id(given: str, echo: Echo) -> str:
    """Return the answer's id: the provider's own, else one made of the call's."""
    return given or f"chatcmpl-{echo.id}"


def call_id(echo: Echo, choice: int, call: int) -> str:
    """Return an id for a tool call whose provider gave none."""
    return f"call_{echo.id}_{choice}_{call}"


def _named_calls(parts: tuple[Part, ...], number: int, echo: Echo) -> tuple[Part, ...]:
    nameless = [part for part in parts if isinstance(part, ToolCall) and not part.id]
    if not nameless:
        return parts
    calls = [part for part in parts if isinstance(part, ToolCall)]
    others = tuple(part for part in parts if not isinstance(part, ToolCall))
    named = [
        call if call.id else msgspec.structs.replace(call, id=call_id(echo, number, place))
        for place, call in enumerate(calls)
    ]
    return (*others, *named)


def _write_choice(number: int, choice: Choice, echo: Echo) -> dict[str, Any]:
    parts = _named_calls(choice.parts, number, echo)
    message: dict[str, Any] = {"role": "assistant", **assistant_fields(parts)}
    images = [address_of(part.media) for part in choice.parts if isinstance(part, Image)]
    if images:
        message["images"] = [{"type": "image_url", "image_url": {"url": url}} for url in images]
    reason = finish_reason(choice.stop)
    return {"index": number, "message": message, "logprobs": choice.logprobs, "finish_reason": reason}
