"""What an answer says, before any dialect puts it into words: text, calls, counts."""

import base64
from typing import Any

import msgspec

from pilothouse.providers.fake.script import DEFAULT_TEXT, Answer, ToolCall

_PLAIN = Answer()


class Asked(msgspec.Struct, frozen=True, cache_hash=True, kw_only=True):
    """What of a request shapes the answer."""

    model: str = ""
    streamed: bool = False
    usage: bool = False
    """Whether a stream shall carry usage, where that has to be asked for."""
    n: int = 1
    last_message: str = ""
    """Only filled when it is to be echoed."""
    forced: str = ""
    """The one tool that has to be called; a JSON text becomes its arguments when the answer calls none."""
    variant: str = ""
    """What else a dialect tells apart."""
    texts: tuple[str, ...] = ()
    """What is to be embedded, ranked or judged."""
    size: int = 0
    """Dimensions of a vector or number of results; 0 is the dialect's usual one."""


class Tokens(msgspec.Struct, frozen=True):
    """Token counts; each dialect adds them up in its own way."""

    read: int
    """Input, cached and cache-written tokens left out."""
    cached: int
    written: int
    output: int
    """Reasoning included."""
    reasoning: int

    @property
    def prompt(self) -> int:
        """All input."""
        return self.read + self.cached + self.written


def signature(vendor: str, answer: Answer) -> str:
    """Return the mark on reasoning that this vendor wants back; empty when the answer has none."""
    if answer.signature is not None:
        return answer.signature
    return base64.b64encode(f"fake signature of {vendor}".encode()).decode()


def failed(answer: Answer) -> bool:
    """Whether an error, or a body of the script's own, goes out in place of an answer."""
    return (
        answer.body is not None or answer.status != 200 or (bool(answer.error_message) and answer.error_after is None)
    )


def message(answer: Answer) -> str:
    """Return the text of an error."""
    return answer.error_message or f"status {answer.status}"


def text(answer: Answer, asked: Asked) -> str:
    """Return the whole text."""
    if answer.echo:
        found = asked.last_message
    elif answer.text is not None:
        found = answer.text
    elif answer.tool_calls:
        found = ""
    elif answer.chunks:
        found = " ".join(f"tok{number}" for number in range(answer.chunks))
    else:
        found = DEFAULT_TEXT
    missing = answer.size_bytes - len(found.encode())
    return found + "x" * missing if missing > 0 else found


def parts(answer: Answer, whole: str) -> list[str]:
    """Return a text as the chunks of a stream."""
    if not whole:
        return []
    if answer.chunks == 0 and answer.size_bytes == 0:
        words = whole.split(" ")
        return [word if place == 0 else f" {word}" for place, word in enumerate(words)]
    count = max(1, min(answer.chunks or answer.size_bytes // 1000, len(whole)))
    step = len(whole) / count
    return [whole[round(place * step) : round((place + 1) * step)] for place in range(count)]


def words(whole: str) -> list[str]:
    """Return a text in its words, whatever the script says of chunks."""
    return parts(_PLAIN, whole)


def halves(arguments: str) -> tuple[str, str]:
    """Return the arguments of a call in the two pieces that a stream has."""
    half = len(arguments) // 2
    return arguments[:half], arguments[half:]


def calls(answer: Answer, prefix: str) -> list[tuple[ToolCall, str]]:
    """Return the tool calls with their ids."""
    return [(call, call.id or f"{prefix}{place}") for place, call in enumerate(answer.tool_calls)]


def arguments(call: ToolCall) -> msgspec.Raw:
    """Return the arguments as an object, to the letter; dialects with objects cannot say broken JSON."""
    try:
        msgspec.json.decode(call.arguments, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return msgspec.Raw(msgspec.json.encode({"broken": call.arguments}))
    return msgspec.Raw(call.arguments)


def obeying(answer: Answer, asked: Asked) -> Answer:
    """Return the answer with its text as the call of the tool that has to be called."""
    if not asked.forced or answer.tool_calls or not answer.text:
        return answer
    call = ToolCall(asked.forced, answer.text)
    return msgspec.structs.replace(answer, tool_calls=(call,), text="")


def tokens(answer: Answer, whole: str) -> Tokens:
    """Return the counts of an answer; without a number of its own the output has one token for each chunk."""
    output = answer.completion_tokens
    if output is None:
        output = len(words(answer.reasoning)) + bool(answer.refusal) + len(parts(answer, whole))
        output += 3 * len(answer.tool_calls)
    read = max(0, answer.prompt_tokens - answer.cached_tokens - answer.cache_write_tokens)
    return Tokens(read, answer.cached_tokens, answer.cache_write_tokens, output, answer.reasoning_tokens)


def last_text(content: str | list[dict[str, Any]]) -> str:
    """Return the text of a message, of all its parts that have one."""
    if isinstance(content, str):
        return content
    return "".join(str(part["text"]) for part in content if "text" in part)
