"""Writes the page of words that stand for the same in each dialect: ends of answers, token usage, errors."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from pilothouse import errors
from pilothouse.cli.compatibility import chat_dialects
from pilothouse.domain.chat import ChatReply, Choice, StopReason, Text, ToolCall
from pilothouse.domain.usage import Usage
from pilothouse.errors import PilothouseError
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, ChatCodec, Dialect, Echo

_INTRO = """# The same in each dialect

What callers of each dialect see of one and the same thing. Every cell is written by the dialect's own code when this
page is made. How each dialect's words are *read* stands on [its page](dialects/README.md).

## Why an answer ended

The word of the caller's dialect. Callers of Anthropic's, Bedrock's and Gemini's dialects see a provider's own word
unchanged where their dialect has it in the same meaning. The provider's own word is on the trace in any case.
"""
ENDS_AT: dict[str, tuple[tuple[str | int, ...], ...]] = {
    "openai_chat": (("choices", 0, "finish_reason"),),
    "openai_completions": (("choices", 0, "finish_reason"),),
    "openai_responses": (("status",), ("incomplete_details", "reason")),
    "anthropic_messages": (("stop_reason",),),
    "bedrock_converse": (("stopReason",),),
    "gemini": (("candidates", 0, "finishReason"),),
    "cohere_chat": (("finish_reason",),),
    "mistral_chat": (("choices", 0, "finish_reason"),),
}
"""Where the word stands in an answer."""
MEANINGS = {
    StopReason.END: "natural end",
    StopReason.STOP_TEXT: "a stop sequence was met",
    StopReason.LENGTH: "limit of tokens",
    StopReason.CONTEXT_FULL: "context window full",
    StopReason.TOOL_CALLS: "tools are called",
    StopReason.FILTERED: "content filter",
    StopReason.REFUSED: "refused by the model, in no words",
    StopReason.BROKEN: "the model broke its own format",
    StopReason.PAUSED: "to be called again to go on",
    StopReason.UNKNOWN: "a word that is not known",
}
_USAGE = """
## Token usage

Pilothouse keeps every token in exactly one [bucket](../concepts/money.md). The table says in which fields of an answer
the tokens of a bucket are counted. OpenAI's completions count as its chats do.
"""
BUCKETS = {
    "input_tokens": "input, uncached",
    "cache_read_tokens": "read from the cache",
    "cache_write_5m_tokens": "written to the cache for 5 minutes",
    "cache_write_1h_tokens": "written to the cache for 1 hour",
    "input_audio_tokens": "sound in",
    "input_image_tokens": "pictures in",
    "output_tokens": "visible output",
    "reasoning_tokens": "thoughts",
    "output_audio_tokens": "sound out",
    "output_image_tokens": "pictures out",
}
_ERRORS = """
## Errors

The HTTP status, and the words by which a client knows the error. The header `x-pilothouse-error` carries
[our code](errors.md) in every dialect. Where a provider refused the request, knows no such model or limits its rate,
OpenAI's, Anthropic's and Gemini's callers see the provider's own status, if it is one from 400 to 499.
"""
_ERROR_WORDS: dict[str, tuple[tuple[str | int, ...], ...]] = {
    "openai_chat": (("error", "type"), ("error", "code")),
    "anthropic_messages": (("error", "type"),),
    "gemini": (("error", "status"),),
    "bedrock_converse": (),
}
"""Where the words stand; Bedrock's is in a header. All of OpenAI's dialects have the first form."""
_ERROR_HEADER = b"x-amzn-errortype"
CLASSES: tuple[type[PilothouseError], ...] = (
    errors.InvalidRequest, errors.InvalidJson, errors.ModelMissing, errors.BodyTooLarge, errors.KeyMissing,
    errors.KeyUnknown, errors.ModelForbidden, errors.ModelUnknown, errors.EndpointUnknown, errors.UpstreamInvalid,
    errors.ContextLength, errors.ContentPolicy, errors.UpstreamNotFound, errors.UpstreamRateLimited,
    errors.UpstreamOverloaded, errors.UpstreamTimeout, errors.UpstreamUnreachable, errors.UpstreamProtocol,
    errors.UpstreamCut, errors.AnswerOffSchema, errors.AnswerBroken, errors.UpstreamFault, errors.UpstreamAuth,
    errors.UpstreamBilling, errors.InternalError,
)  # fmt: skip
"""What the gateway answers with."""
_ONE: dict[str, bytes] = {
    "openai_completions": b'{"model":"m","prompt":"a"}',
    "openai_responses": b'{"model":"m","input":"a"}',
    "bedrock_converse": b'{"messages":[{"role":"user","content":[{"text":"a"}]}]}',
    "gemini": b'{"contents":[{"role":"user","parts":[{"text":"a"}]}]}',
}
_USUAL = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}]}'
_SOME = 7


def equivalents_page() -> str:
    """Return the page: a table each of ends, usage and errors."""
    chats = [one for one in chat_dialects() if one.name in ENDS_AT]
    every = [*chats, table.dialect("openai_completions")]
    return "".join([_INTRO, *_ends(every), _USAGE, *_usage(chats), _ERRORS, *_failures()])


def _ends(dialects: Sequence[Dialect]) -> Iterator[str]:
    yield _top("meaning", [one.name for one in dialects])
    for stop, meaning in MEANINGS.items():
        part = ToolCall("call_1", "weather", "{}") if stop is StopReason.TOOL_CALLS else Text("a")
        reply = ChatReply(choices=(Choice((part,), stop),), usage=Usage())
        cells = [_end(one, reply) for one in dialects]
        yield f"| {meaning} | {' | '.join(cells)} |\n"


def _end(dialect: Dialect, reply: ChatReply) -> str:
    codec, code = dialect.codec, errors.AnswerBroken.code
    if reply.choices[0].stop is StopReason.BROKEN and isinstance(codec, ChatCodec) and not codec.says_broken:
        return f"error [`{code}`](errors.md#{code})"
    return _words(_written(dialect, reply), ENDS_AT[dialect.name])


def _usage(dialects: Sequence[Dialect]) -> Iterator[str]:
    yield _top("bucket", [one.name for one in dialects])
    for bucket, meaning in BUCKETS.items():
        cells = [_counting(one, Usage(**cast("dict[str, Any]", {bucket: _SOME}))) for one in dialects]
        yield f"| {meaning} | {' | '.join(cells)} |\n"


def _counting(dialect: Dialect, usage: Usage) -> str:
    """Return the fields of an answer whose numbers hold the tokens."""
    some, none = (_flat(_written(dialect, _metered(one))) for one in (usage, Usage()))
    found = [path.partition(".")[2] for path, value in some.items() if value == _SOME and none.get(path) != _SOME]
    return "<br>".join(f"`{path}`" for path in found) or "–"


def _metered(usage: Usage) -> ChatReply:
    return ChatReply(choices=(Choice((Text("a"),)),), usage=usage)


def _failures() -> Iterator[str]:
    dialects = [table.dialect(name) for name in _ERROR_WORDS if name in table.names()]
    yield _top("our code", [one.name for one in dialects])
    for kind in CLASSES:
        cells = [_failure(one, kind("a")) for one in dialects]
        yield f"| [`{kind.code}`](errors.md#{kind.code}) | {' | '.join(cells)} |\n"


def _failure(dialect: Dialect, error: PilothouseError) -> str:
    document = msgspec.json.decode(dialect.render_error(error, "r"))
    words = [_words(document, (place,)) for place in _ERROR_WORDS[dialect.name]]
    words += [f"`{value.decode()}`" for name, value in dialect.error_headers(error) if name == _ERROR_HEADER]
    return f"{dialect.error_status(error, error.status)} {' '.join(words)}"


def _written(dialect: Dialect, reply: ChatReply) -> Any:
    codec = cast("ChatCodec", dialect.codec)
    request = codec.read_request(_ONE.get(dialect.name, _USUAL), Ask(model="m"))
    return msgspec.json.decode(codec.write_reply(reply, Echo(request, "1")))


def _words(document: Any, places: tuple[tuple[str | int, ...], ...]) -> str:
    found = [_at(document, place) for place in places]
    return ", ".join(f"`{word}`" for word in found if isinstance(word, str))


def _at(document: Any, place: tuple[str | int, ...]) -> Any:
    for step in place:
        document = document[step] if document is not None else None
    return document


def _flat(document: Any, path: str = "") -> dict[str, Any]:
    """Return the numbers of a document by their path; of lists every entry stands under `[]`."""
    if isinstance(document, dict):
        members = cast("dict[str, Any]", document).items()
        found = [_flat(value, f"{path}.{key}" if path else key) for key, value in members]
    elif isinstance(document, list):
        found = [_flat(value, f"{path}[]") for value in cast("list[Any]", document)]
    else:
        return {path: document}
    return {key: value for one in found for key, value in one.items()}


def _top(first: str, names: Sequence[str]) -> str:
    return f"\n| {first} | {' | '.join(f'`{name}`' for name in names)} |\n|---|{'---|' * len(names)}\n"
