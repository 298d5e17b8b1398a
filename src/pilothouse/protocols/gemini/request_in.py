"""A request for content as the domain sees it."""

from typing import Any

import msgspec

from pilothouse.domain.chat import (
    ChatRequest,
    Message,
    OutputFormat,
    OutputKind,
    Part,
    Role,
    Sampling,
    Speech,
    Thinking,
    ToolCall,
    ToolResult,
)
from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols import json_body, loose, raw_json
from pilothouse.protocols.base import NO_ASK, Ask
from pilothouse.protocols.gemini import parts_in, wire
from pilothouse.protocols.gemini.request_out import cached_content
from pilothouse.protocols.gemini.schema_in import plain_schema
from pilothouse.protocols.gemini.tools_in import read_choice, read_tools
from pilothouse.protocols.turns import apart

_ROLES = {"": Role.USER, "user": Role.USER, "function": Role.USER, "model": Role.ASSISTANT}
_READ = (
    "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "labels", "serviceTier", "store",
    "cachedContent", "model",
)  # fmt: skip
_CONFIG = (
    "temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "candidateCount", "seed", "presencePenalty",
    "frequencyPenalty", "responseLogprobs", "logprobs", "responseMimeType", "responseSchema", "responseJsonSchema",
    "responseModalities", "thinkingConfig", "speechConfig",
)  # fmt: skip
_JSON = "application/json"
_ENUM = "text/x.enum"


def read_request(body: bytes, ask: Ask = NO_ASK) -> ChatRequest:
    """Return the request; raises `InvalidJson`, or `InvalidRequest` whose `param` says where."""
    try:
        return _read(body, ask)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # Values are skipped at first, and looked into one after the other.
        raise InvalidJson(f"the request body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise InvalidJson("the request body is nested too deeply") from error


def _read(body: bytes, ask: Ask) -> ChatRequest:
    json_body.read_object(body)
    top = wire.members(body, "the request body")
    config = wire.members(top.get("generationConfig"), "generationConfig")
    tool_config = wire.members(top.get("toolConfig"), "toolConfig")
    output, more_config = _output(config)
    system = _system(top)
    others = raw_json.rest(top, *_READ)
    more_config |= raw_json.rest(config, *_CONFIG)
    nested = {"generationConfig": more_config, "toolConfig": raw_json.rest(tool_config, "functionCallingConfig")}
    others |= {key: fields for key, fields in nested.items() if fields}
    return ChatRequest(
        dialect=wire.NAME,
        model=ask.model,
        messages=tuple(system + _contents(top.get("contents"))),
        instructions=len(system),
        streamed=ask.streamed is True,
        wants_usage=True,
        max_output_tokens=_whole(config, "maxOutputTokens"),
        stop=_texts(config, "stopSequences"),
        choices=_whole(config, "candidateCount") or 1,
        sampling=_sampling(config),
        thinking=_thinking(config.get("thinkingConfig")),
        tools=read_tools(top.get("tools")),
        tool_choice=read_choice(tool_config.get("functionCallingConfig")),
        output=output,
        modalities=tuple(word.lower() for word in _texts(config, "responseModalities")),
        speech=_speech(config.get("speechConfig")),
        service_tier=raw_json.text(top.get("serviceTier"), "serviceTier"),
        labels=loose.scalars(raw_json.value(top["labels"])) if "labels" in top else {},
        store=raw_json.flag(top.get("store"), "store"),
        extra=wire.extra(others),
    )


def _system(top: dict[str, msgspec.Raw]) -> list[Message]:
    content = wire.members(top.get("systemInstruction"), "systemInstruction")
    parts = _parts(content.get("parts"), "systemInstruction.parts")
    cached = raw_json.text(top.get("cachedContent"), "cachedContent")
    if cached:
        parts = [cached_content(cached), *parts]
    return [Message(Role.SYSTEM, tuple(parts))] if parts else []


def _parts(raw: msgspec.Raw | None, path: str) -> list[Part]:
    found = [
        parts_in.read_part(item, path if item is raw else f"{path}.{place}")
        for place, item in enumerate(wire.listed(raw, path))
    ]
    return parts_in.joined(found)


def _contents(raw: msgspec.Raw | None) -> list[Message]:
    messages: list[Message] = []
    pairs = _Pairs()
    for place, item in enumerate(wire.listed(raw, "contents")):
        here = f"contents.{place}"
        fields = wire.members(item, here)
        role = _ROLES.get(raw_json.text(fields.get("role"), f"{here}.role"))
        if role is None:
            raise InvalidRequest(f"{here}.role: must be user or model", param=f"{here}.role")
        parts = _parts(fields.get("parts"), f"{here}.parts")
        if role is Role.ASSISTANT:
            messages.append(Message(role, tuple(pairs.called(parts, place))))
        elif any(isinstance(part, ToolResult) for part in parts):
            messages.extend(apart(pairs.answered(parts, place)))
        else:
            messages.append(Message(role, tuple(parts)))
    return messages


class _Pairs:
    """Gives calls and results without ids the same ids, by their names and their order."""

    def __init__(self) -> None:
        self._waiting: list[ToolCall] = []

    def called(self, parts: list[Part], place: int) -> list[Part]:
        """Return a model's turn, its calls with ids."""
        out: list[Part] = []
        for number, part in enumerate(parts):
            found = part
            if isinstance(found, ToolCall):
                identity = found.id or wire.minted_id(place, number, found.name)
                found = msgspec.structs.replace(found, id=identity, arguments=found.arguments or "{}")
                self._waiting.append(found)
            out.append(found)
        return out

    def answered(self, parts: list[Part], place: int) -> list[Part]:
        """Return a user's turn, its results with the ids of their calls."""
        return [
            self._named(part, place, number) if isinstance(part, ToolResult) else part
            for number, part in enumerate(parts)
        ]

    def _named(self, result: ToolResult, place: int, number: int) -> ToolResult:
        fits = [call for call in self._waiting if call.id == result.call_id] if result.call_id else []
        fits = fits or [call for call in self._waiting if not result.call_id and call.name == result.name]
        if not fits:
            return result if result.call_id else msgspec.structs.replace(result, call_id=wire.minted_id(place, number))
        self._waiting.remove(fits[0])
        return msgspec.structs.replace(result, call_id=fits[0].id, name=result.name or fits[0].name)


def _number(config: dict[str, msgspec.Raw], key: str) -> float | None:
    return raw_json.number(config.get(key), f"generationConfig.{key}")


def _whole(config: dict[str, msgspec.Raw], key: str) -> int | None:
    found = _number(config, key)
    if found is not None and found != int(found):
        raise InvalidRequest(f"generationConfig.{key}: must be a whole number", param=f"generationConfig.{key}")
    return None if found is None else int(found)


def _texts(config: dict[str, msgspec.Raw], key: str) -> tuple[str, ...]:
    path = f"generationConfig.{key}"
    items = wire.listed(config.get(key), path, b'"')
    return tuple(raw_json.text(item, f"{path}.{place}") for place, item in enumerate(items))


def _sampling(config: dict[str, msgspec.Raw]) -> Sampling:
    return Sampling(
        temperature=_number(config, "temperature"),
        top_p=_number(config, "topP"),
        top_k=_whole(config, "topK"),
        frequency_penalty=_number(config, "frequencyPenalty"),
        presence_penalty=_number(config, "presencePenalty"),
        seed=_whole(config, "seed"),
        logprobs=raw_json.flag(config.get("responseLogprobs"), "generationConfig.responseLogprobs") is True,
        top_logprobs=_whole(config, "logprobs"),
    )


def _thinking(raw: msgspec.Raw | None) -> Thinking | None:
    path = "generationConfig.thinkingConfig"
    fields = wire.members(raw, path)
    if not fields:
        return None
    budget = raw_json.whole(fields.get("thinkingBudget"), f"{path}.thinkingBudget")
    level = raw_json.text(fields.get("thinkingLevel"), f"{path}.thinkingLevel").lower()
    shown = raw_json.flag(fields.get("includeThoughts"), f"{path}.includeThoughts")
    known = budget is not None or bool(level)
    return Thinking(
        enabled=budget != 0 if known else None,
        effort="" if level == "thinking_level_unspecified" else level,
        budget_tokens=budget if budget is not None and budget > 0 else None,
        adaptive=budget is not None and budget < 0,
        shown=shown,
    )


def _output(config: dict[str, msgspec.Raw]) -> tuple[OutputFormat, dict[str, Any]]:
    """Return the form of the answer, and what of it only Google knows."""
    mime = raw_json.text(config.get("responseMimeType"), "generationConfig.responseMimeType")
    schema: Any = None
    if "responseJsonSchema" in config:
        schema = raw_json.value(config["responseJsonSchema"])
    elif "responseSchema" in config:
        schema = plain_schema(raw_json.value(config["responseSchema"]))
    if mime in (_JSON, _ENUM) and isinstance(schema, dict):
        more = {"responseMimeType": mime} if mime == _ENUM else {}
        return OutputFormat(OutputKind.SCHEMA, schema=loose.mapping(schema), held=True), more
    if mime == _JSON:
        return OutputFormat(OutputKind.JSON), {}
    return OutputFormat(), {"responseMimeType": mime} if mime not in ("", "text/plain") else {}


def _speech(raw: msgspec.Raw | None) -> Speech | None:
    if raw is None:
        return None
    config = wire.members(raw, "generationConfig.speechConfig")
    voice = wire.members(config.get("voiceConfig"), "generationConfig.speechConfig.voiceConfig")
    path = "generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig"
    named = wire.members(voice.get("prebuiltVoiceConfig"), path)
    # Gemini's sound is bare samples, which OpenAI calls so.
    return Speech(raw_json.text(named.get("voiceName"), path), "pcm16", wire.extra(raw_json.rest(config)))
