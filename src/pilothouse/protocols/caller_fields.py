"""Losses by the names that their caller knows: codecs name settings and parts of turns as the domain has them."""

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec

from pilothouse.domain.chat import (
    Audio,
    ChatRequest,
    Document,
    Message,
    Native,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
)
from pilothouse.domain.facts import Loss

_CONFIG = "generationConfig"
_SPECIAL = "additionalModelRequestFields"
_WORDS: dict[str, dict[str, str]] = {
    "openai_chat": {
        "max_output_tokens": "max_completion_tokens", "thinking": "reasoning_effort",
        "thinking.budget_tokens": "reasoning_effort",
    },
    "openai_completions": {"max_output_tokens": "max_tokens"},
    "openai_responses": {
        "thinking": "reasoning", "thinking.budget_tokens": "reasoning", "response_format": "text.format",
        "verbosity": "text.verbosity", "logprobs": "top_logprobs",
    },
    "cohere_chat": {
        "max_output_tokens": "max_tokens", "stop": "stop_sequences", "top_p": "p", "top_k": "k",
        "thinking.budget_tokens": "thinking.token_budget",
    },
    "mistral_chat": {
        "max_output_tokens": "max_tokens", "thinking": "reasoning_effort", "thinking.budget_tokens": "reasoning_effort",
        "seed": "random_seed",
    },
    "anthropic_messages": {
        "max_output_tokens": "max_tokens", "stop": "stop_sequences", "response_format": "output_config.format",
        "parallel_tool_calls": "tool_choice.disable_parallel_tool_use", "user": "metadata.user_id",
    },
    "bedrock_converse": {
        "max_output_tokens": "inferenceConfig.maxTokens", "temperature": "inferenceConfig.temperature",
        "top_p": "inferenceConfig.topP", "stop": "inferenceConfig.stopSequences", "top_k": f"{_SPECIAL}.top_k",
        "thinking": f"{_SPECIAL}.thinking", "response_format": "outputConfig.textFormat",
        "parallel_tool_calls": f"{_SPECIAL}.tool_choice.disable_parallel_tool_use", "service_tier": "serviceTier",
        "metadata": "requestMetadata", "tools": "toolConfig.tools", "tool_choice": "toolConfig.toolChoice",
        "cache_control": "cachePoint",
    },
    "gemini": {
        "max_output_tokens": f"{_CONFIG}.maxOutputTokens", "temperature": f"{_CONFIG}.temperature",
        "top_p": f"{_CONFIG}.topP", "top_k": f"{_CONFIG}.topK", "stop": f"{_CONFIG}.stopSequences",
        "n": f"{_CONFIG}.candidateCount", "seed": f"{_CONFIG}.seed", "logprobs": f"{_CONFIG}.responseLogprobs",
        "frequency_penalty": f"{_CONFIG}.frequencyPenalty", "presence_penalty": f"{_CONFIG}.presencePenalty",
        "thinking": f"{_CONFIG}.thinkingConfig", "response_format": f"{_CONFIG}.responseMimeType",
        "thinking.budget_tokens": f"{_CONFIG}.thinkingConfig.thinkingBudget",
        "modalities": f"{_CONFIG}.responseModalities", "service_tier": "serviceTier", "metadata": "labels",
        "tool_choice": "toolConfig.functionCallingConfig",
    },
}  # fmt: skip
_PLACE = re.compile(r"messages\.(\d+)(?:\.content(?:\.(\d+)(?:\.content\.(\d+))?)?)?(.*)")


class _Place(msgspec.Struct, frozen=True):
    """A place in the turns of a request."""

    turn: int
    part: int | None
    inner: int | None
    """Of a part inside the result of a tool."""


def named(request: ChatRequest, losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """Return the losses of a request with the fields that its caller wrote."""
    return tuple(msgspec.structs.replace(loss, field=_field(request, loss.field)) for loss in losses)


def _field(request: ChatRequest, field: str) -> str:
    head, _, rest = field.partition(".")
    if request.extra is not None and head in request.extra.fields:
        return field
    found = _PLACE.fullmatch(field)
    where = _PLACES.get(request.dialect)
    if found is not None and where is not None:
        turn, part, inner = (None if number is None else int(number) for number in found.group(1, 2, 3))
        if turn is not None and turn < len(request.messages):
            return where(request, _Place(turn, part, inner)) + found[4]
    words = _WORDS.get(request.dialect, {})
    if field in words:
        return words[field]
    return f"{words.get(head, head)}.{rest}" if rest else head


def _in_prompt(request: ChatRequest, place: _Place) -> str:
    del request, place
    return "prompt"


def _in_chat(request: ChatRequest, place: _Place) -> str:
    """Each result of a tool is a message there; an assistant's parts stand in several of its fields."""
    message = request.messages[place.turn]
    number = sum(_spread(earlier) for earlier in request.messages[: place.turn])
    if place.part is None:
        return f"messages.{number}"
    if message.role is Role.TOOL:
        inner = "" if place.inner is None else f".{place.inner}"
        return f"messages.{number + place.part}.content{inner}"
    before, part = message.parts[: place.part], message.parts[place.part]
    if isinstance(part, ToolCall):
        return f"messages.{number}.tool_calls.{_count(before, ToolCall)}"
    name = next((name for kind, name in _CHAT_FIELDS if isinstance(part, kind)), "")
    if message.role is Role.ASSISTANT and name:
        return f"messages.{number}.{name}"
    return f"messages.{number}.content.{place.part - _count(before, Reasoning)}"


_CHAT_FIELDS: tuple[tuple[type[Part], str], ...] = (
    (Reasoning, "reasoning_content"), (Refusal, "refusal"), (Audio, "audio"),
)  # fmt: skip


def _in_parts(request: ChatRequest, place: _Place) -> str:
    """As in OpenAI's chat, but thoughts stand among the parts of the content."""
    found, message = _in_chat(request, place), request.messages[place.turn]
    if place.part is None or message.role is not Role.ASSISTANT or isinstance(message.parts[place.part], ToolCall):
        return found
    return f"{'.'.join(found.split('.')[:2])}.content.{place.part}"


def _in_cohere(request: ChatRequest, place: _Place) -> str:
    """As in Mistral's chat, but documents of a user's stand beside the messages."""
    turn = request.messages[place.turn]
    if turn.role is not Role.USER or place.part is None or not isinstance(turn.parts[place.part], Document):
        return _in_parts(request, place)
    return f"documents.{_count(turn.parts[: place.part], Document)}"


def _spread(message: Message) -> int:
    return len(message.parts) if message.role is Role.TOOL else 1


def _count(parts: Sequence[Part], kind: type[Part]) -> int:
    return sum(isinstance(part, kind) for part in parts)


def _in_responses(request: ChatRequest, place: _Place) -> str:
    """Calls, thoughts and results are items of their own."""
    if place.turn < request.instructions:
        return "instructions"
    message = request.messages[place.turn]
    number = sum(_items(earlier)[-1][0] + 1 for earlier in request.messages[request.instructions : place.turn])
    if place.part is None:
        return f"input.{number}"
    item, content = _items(message)[place.part]
    inside = "" if content is None else f".content.{content}"
    return f"input.{number + item}{inside}" + ("" if place.inner is None else f".output.{place.inner}")


def _items(message: Message) -> list[tuple[int, int | None]]:
    """Return the item of each part, and where it stands among the item's content."""
    if message.role not in (Role.ASSISTANT, Role.TOOL):
        return [(0, number) for number in range(max(len(message.parts), 1))]
    out: list[tuple[int, int | None]] = []
    for part in message.parts:
        item, content = out[-1] if out else (-1, None)
        if isinstance(part, Text | Refusal | Audio):
            out.append((item, content + 1) if content is not None else (item + 1, 0))
        else:
            out.append((item + 1, None))
    return out or [(0, None)]


class _Turned(msgspec.Struct, frozen=True):
    """The words of a dialect whose turns of a user hold results of tools and what the user says."""

    system: str
    turns: str
    parts: str
    inner: str
    marks: bool = False
    """Whether cache marks stand among the parts."""

    def __call__(self, request: ChatRequest, place: _Place) -> str:
        message = request.messages[place.turn]
        before = 0 if place.part is None else self._size(message.parts[: place.part])
        if place.turn < request.instructions:
            return self._beside(message, before, place.part)
        turn, earlier = -1, 0
        messages = request.messages[request.instructions : place.turn + 1]
        for number, one in enumerate(messages):
            joined = number > 0 and {messages[number - 1].role, one.role} == {Role.USER, Role.TOOL}
            turn, earlier = (turn, earlier + self._size(messages[number - 1].parts)) if joined else (turn + 1, 0)
        if place.part is None:
            return f"{self.turns}.{turn}"
        inner = "" if place.inner is None else f".{self.inner}.{place.inner}"
        return f"{self.turns}.{turn}.{self.parts}.{earlier + before}{inner}"

    def _size(self, parts: Sequence[Part]) -> int:
        return len(parts) + (sum(getattr(part, "cache", None) is not None for part in parts) if self.marks else 0)

    def _beside(self, message: Message, before: int, number: int | None) -> str:
        if number is None:
            return self.system.partition(".")[0]
        kept = [isinstance(part, Native) and "cachedContent" in part.value for part in message.parts]
        return "cachedContent" if kept[number] else f"{self.system}.{before - sum(kept[:number])}"


_PLACES: dict[str, Callable[[ChatRequest, _Place], str]] = {
    "openai_chat": _in_chat,
    "cohere_chat": _in_cohere,
    "mistral_chat": _in_parts,
    "openai_completions": _in_prompt,
    "openai_responses": _in_responses,
    "anthropic_messages": _Turned("system", "messages", "content", "content"),
    "bedrock_converse": _Turned("system", "messages", "content", "toolResult.content", marks=True),
    "gemini": _Turned("systemInstruction.parts", "contents", "parts", "functionResponse.parts"),
}
