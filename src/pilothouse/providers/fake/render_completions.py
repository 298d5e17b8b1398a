"""OpenAI's old completions: plain text in, plain text out."""

from typing import Any

import msgspec

from pilothouse.providers.fake import plan, render, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Create(msgspec.Struct):
    model: str
    prompt: str | list[Any] = ""
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None


_DECODER = msgspec.json.Decoder(_Create)


def read(request: Request) -> Asked:
    """Return what a request asks for; raises `msgspec.DecodeError`."""
    body = _DECODER.decode(request.body)
    prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
    return Asked(
        model=body.model,
        streamed=body.stream is True,
        usage=body.stream_options is not None and body.stream_options.include_usage,
        n=body.n or 1,
        last_message=str(prompts[-1]) if prompts else "",
    )


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer."""
    if said.failed(scripted):
        return plan.whole(scripted, render.error_body(scripted))
    text = said.text(scripted, asked)
    finish = None if scripted.finish_reason == "none" else scripted.finish_reason or "stop"
    if not asked.streamed or scripted.whole:
        choices = [_choice(index, text, finish) for index in range(asked.n)]
        whole = _completion(scripted, asked, choices)
        if scripted.usage != "missing":
            whole["usage"] = _usage(scripted, text)
        return plan.whole(scripted, plan.ENCODER.encode(whole))
    return plan.stream(scripted, _frames(scripted, asked, text, finish), lambda: render.error_event(scripted))


def _choice(index: int, text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _completion(scripted: Answer, asked: Asked, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "cmpl-fake",
        "object": "text_completion",
        "created": render.CREATED,
        "model": scripted.model or asked.model,
        "choices": choices,
    }


def _usage(scripted: Answer, text: str) -> dict[str, Any]:
    output = said.tokens(scripted, text).output
    total = scripted.prompt_tokens + output
    return {"prompt_tokens": scripted.prompt_tokens, "completion_tokens": output, "total_tokens": total}


def _frames(scripted: Answer, asked: Asked, text: str, finish: str | None) -> list[Frame]:
    def chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
        made = _completion(scripted, asked, choices)
        return plan.event(scripted, made if usage is None else {**made, "usage": usage})

    indexes = range(asked.n)
    frames = [
        Frame(chunk([_choice(index, part, None)]), counts=True)
        for index in indexes
        for part in said.parts(scripted, text)
    ]
    if finish is not None:
        frames += [Frame(chunk([_choice(index, "", finish)])) for index in indexes]
    if scripted.usage == "always" or (scripted.usage == "asked" and asked.usage):
        frames.append(Frame(chunk([], _usage(scripted, text))))
    if scripted.done:
        frames.append(Frame(plan.event(scripted, b"[DONE]")))
    return frames
