"""One-line previews of what went in and came out, made once when a span is written: pure."""

from collections.abc import Iterable

import msgspec

LIMIT_CHARS = 200
_SCAN_CHARS = (300, 4_000)
"""How much of a text is looked at, at first and when that holds mostly white space."""


class _Part(msgspec.Struct):
    text: str | None = None
    thought: bool = False


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _ToolCall(msgspec.Struct):
    function: _Function | None = None


class _Message(msgspec.Struct):
    role: str = ""
    content: str | list[_Part | str] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Content(msgspec.Struct):
    """A turn as Gemini writes it."""

    role: str = ""
    parts: list[_Part] | None = None


class _Candidate(msgspec.Struct):
    content: _Content | None = None


class _Output(msgspec.Struct):
    """The answer as Bedrock wraps it."""

    message: _Message | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    text: str | None = None


class _Fault(msgspec.Struct):
    message: str = ""


class _Conversation(msgspec.Struct):
    messages: list[_Message] | None = None
    input: str | list[_Message | str | int | list[int]] | None = None
    prompt: str | list[str | int | list[int]] | None = None
    contents: list[_Content] | None = None


class _Answer(msgspec.Struct):
    choices: list[_Choice] | None = None
    content: str | list[_Part | str] | None = None
    """Anthropic's place for the answer."""
    output: _Output | list[_Message] | str | None = None
    """Bedrock's, or that of the Responses API."""
    candidates: list[_Candidate] | None = None
    error: _Fault | str | None = None


_conversation: msgspec.json.Decoder[_Conversation | list[_Message]] = msgspec.json.Decoder(
    _Conversation | list[_Message]
)
_answer: msgspec.json.Decoder[_Answer | list[_Message]] = msgspec.json.Decoder(_Answer | list[_Message])


def of_input(text: str) -> str:
    """Return the last user message where the text is a conversation as JSON, else the beginning of the text."""
    if text.lstrip()[:1] not in {"{", "["}:
        return _line(text)
    try:
        value = _conversation.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _line(text)
    if isinstance(value, list):
        return _line(_last_user(value) or text)
    return _line(_asked(value) or text)


def of_output(text: str) -> str:
    """Return the assistant's text where the text is a chat answer as JSON, else the beginning of the text."""
    if text.lstrip()[:1] not in {"{", "["}:
        return _line(text)
    try:
        value = _answer.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _line(text)
    if isinstance(value, list):
        return _line(_content(value[-1]) if value else text)
    return _line(_answered(value) or text)


def _asked(value: _Conversation) -> str:
    if value.messages is not None:
        return _last_user(value.messages)
    if value.contents is not None:
        asked = [_joined(item.parts or ()) for item in value.contents if item.role in ("user", "")]
        return next((text for text in reversed(asked) if text), "")
    if isinstance(value.input, list):
        messages = [item for item in value.input if isinstance(item, _Message)]
        texts = [item for item in value.input if isinstance(item, str)]
        return _last_user(messages) or (texts[0] if texts else "")
    if isinstance(value.prompt, list):
        return next((item for item in value.prompt if isinstance(item, str)), "")
    return value.input or value.prompt or ""


def _answered(value: _Answer) -> str:
    for choice in value.choices or ():
        found = _content(choice.message) if choice.message else choice.text or ""
        if found:
            return found
    found = _elsewhere(value)
    if not found and value.choices is None and value.error is not None:
        return value.error if isinstance(value.error, str) else value.error.message
    return found


def _elsewhere(value: _Answer) -> str:
    if value.content is not None:
        return _content(_Message(content=value.content))
    if isinstance(value.output, _Output):
        return _content(value.output.message) if value.output.message else ""
    if isinstance(value.output, list):
        return " ".join(text for text in map(_content, value.output) if text)
    if value.candidates is not None:
        contents = (candidate.content for candidate in value.candidates)
        return next((text for item in contents if item and (text := _joined(item.parts or ()))), "")
    return value.output or ""


def _last_user(messages: list[_Message]) -> str:
    for message in reversed(messages):
        if message.role == "user":
            return _content(message)
    return _content(messages[-1]) if messages else ""


def _content(message: _Message) -> str:
    if isinstance(message.content, list):
        return _joined(message.content)
    return message.content or message.refusal or _called(message)


def _joined(parts: Iterable[_Part | str]) -> str:
    texts = (part if isinstance(part, str) else "" if part.thought else part.text for part in parts)
    return " ".join(text for text in texts if text)


def _called(message: _Message) -> str:
    calls = [call.function for call in message.tool_calls or () if call.function is not None]
    return ", ".join(f"{function.name}({function.arguments})" for function in calls)


def _line(text: str) -> str:
    head = text[:LIMIT_CHARS]
    if head.isprintable() and "  " not in head and not head.startswith(" ") and not head.endswith(" "):
        # nothing to fold, which is the usual thing
        return head
    folded = ""
    for scan_chars in _SCAN_CHARS:
        folded = " ".join(text[:scan_chars].split())[:LIMIT_CHARS]
        if len(folded) == LIMIT_CHARS or len(text) <= scan_chars:
            break
    return folded
