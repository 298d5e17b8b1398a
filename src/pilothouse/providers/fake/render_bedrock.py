"""Bedrock's Converse as its documentation tells it, binary frames included, written without our own codec."""

import base64
import re
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote
from zlib import crc32

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import MODELS, Answer

PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream)")
_BINARY = "application/vnd.amazon.eventstream"
_KINDS = {
    400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException",
    404: "ResourceNotFoundException", 408: "ModelTimeoutException", 424: "ModelErrorException",
    429: "ThrottlingException", 500: "InternalServerException", 503: "ServiceUnavailableException",
}  # fmt: skip
_IN_STREAM = {
    "overloaded_error": "serviceUnavailableException", "requests": "throttlingException",
    "model_error": "modelStreamErrorException",
}  # fmt: skip
_STOPS = {
    "stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered",
}  # fmt: skip
_BLOCKS = frozenset({
    "text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint",
    "reasoningContent", "citationsContent", "searchResult",
})  # fmt: skip

_Object = dict[str, Any]


class _Message(msgspec.Struct):
    role: str
    content: list[_Object]


class _Converse(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    messages: list[_Message] = []
    system: list[_Object] | None = None
    inference_config: _Object | None = None
    tool_config: _Object | None = None
    guardrail_config: _Object | None = None
    additional_model_request_fields: Any = None
    additional_model_response_field_paths: list[str] | None = None
    prompt_variables: _Object | None = None
    request_metadata: dict[str, str] | None = None
    performance_config: _Object | None = None
    service_tier: _Object | None = None
    output_config: _Object | None = None


_DECODER = msgspec.json.Decoder(_Converse)


def read(request: Request) -> Asked:
    """Return what a request asks for, refusing what Bedrock refuses; raises `SettingsInvalid`."""
    named = PATH.fullmatch(request.target.partition("?")[0])
    body = _DECODER.decode(request.body)
    _check(body.messages)
    choice = msgspec.convert((body.tool_config or {}).get("toolChoice") or {}, _Object)
    forced = msgspec.convert(choice.get("tool") or {}, dict[str, str])
    return Asked(
        model=unquote(named[1]) if named is not None else "",
        streamed=named is not None and named[2] == "converse-stream",
        last_message=said.last_text(body.messages[-1].content),
        forced=forced.get("name", ""),
    )


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer; a stream always comes in frames."""
    if said.failed(scripted):
        kind = _KINDS.get(scripted.status, "InternalServerException")
        if scripted.body is not None:
            return plan.whole(scripted, scripted.body.encode())
        error = plan.ENCODER.encode({"message": _problem(scripted)})
        return plan.whole(scripted, error, headers=(("x-amzn-errortype", f"{kind}:http://internal.amazon.com/"),))
    scripted = said.obeying(scripted, asked)
    if not asked.streamed or scripted.whole:
        return plan.whole(scripted, plan.ENCODER.encode(_message(scripted, asked)))
    return plan.stream(scripted, _frames(scripted, asked), lambda: _exception(scripted), _BINARY)


def models() -> _Object:
    """Return the list of models as the control plane tells it."""
    return {"modelSummaries": [{"modelId": name, "modelName": name, "providerName": "Fake"} for name in MODELS]}


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one frame of an event stream: lengths, their checksum, headers, payload, checksum of it all."""
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    body = prelude + struct.pack("!I", crc32(prelude)) + packed + payload
    return body + struct.pack("!I", crc32(body))


def _check(messages: list[_Message]) -> None:
    if not messages:
        raise SettingsInvalid("A conversation must start with a user message.")
    calls: set[str] = set()
    for place, message in enumerate(messages):
        if message.role != ("user", "assistant")[place % 2]:
            raise SettingsInvalid("A conversation must alternate between user and assistant roles.")
        for block in message.content:
            _check_block(place, block)
        answered = {str(block["toolResult"].get("toolUseId")) for block in message.content if "toolResult" in block}
        if answered != calls:
            raise SettingsInvalid(
                f"The number of toolResult blocks at messages.{place}.content exceeds or misses toolUse blocks before."
            )
        calls = {str(block["toolUse"].get("toolUseId")) for block in message.content if "toolUse" in block}


def _check_block(place: int, block: _Object) -> None:
    if len(block) != 1 or not block.keys() <= _BLOCKS:
        raise SettingsInvalid(f"messages.{place}.content: a content block has to be exactly one of its kinds")
    if block.get("text") == "":
        raise SettingsInvalid(f"The text field in the ContentBlock object at messages.{place}.content is blank.")


def _problem(scripted: Answer) -> str:
    if scripted.error_code == "context_length_exceeded":
        return "Input is too long for requested model."
    return said.message(scripted)


def _exception(scripted: Answer) -> bytes:
    kind = _IN_STREAM.get(scripted.error_type, "internalServerException")
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, plan.ENCODER.encode({"message": _problem(scripted)}))


def _stop(scripted: Answer) -> str | None:
    if scripted.finish_reason:
        return None if scripted.finish_reason == "none" else _STOPS.get(scripted.finish_reason, scripted.finish_reason)
    if scripted.refusal:
        return "guardrail_intervened"
    return "tool_use" if scripted.tool_calls else "end_turn"


def _usage(scripted: Answer, text: str) -> _Object:
    tokens = said.tokens(scripted, text)
    return {
        "inputTokens": tokens.read,
        "outputTokens": tokens.output,
        "totalTokens": tokens.prompt + tokens.output,
        "cacheReadInputTokens": tokens.cached,
        "cacheWriteInputTokens": tokens.written,
    }


def _thinking(scripted: Answer) -> list[_Object]:
    blocks: list[_Object] = []
    if scripted.reasoning:
        thought = {"text": scripted.reasoning}
        mark = said.signature("anthropic", scripted)
        blocks.append({"reasoningText": thought | ({"signature": mark} if mark else {})})
    if scripted.redacted:
        blocks.append({"redactedContent": base64.b64encode(scripted.redacted.encode()).decode()})
    return blocks


def _message(scripted: Answer, asked: Asked) -> _Object:
    text = said.text(scripted, asked)
    content: list[_Object] = [{"reasoningContent": block} for block in _thinking(scripted)]
    if scripted.refusal or text:
        content.append({"text": scripted.refusal + text})
    for call, identity in said.calls(scripted, "tooluse_fake"):
        content.append({"toolUse": {"toolUseId": identity, "name": call.name, "input": said.arguments(call)}})
    whole: _Object = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _stop(scripted),
        "metrics": {"latencyMs": 7},
    }
    if scripted.usage != "missing":
        whole["usage"] = _usage(scripted, text)
    return whole


class _Frames:
    """Renders the frames of one stream."""

    def __init__(self) -> None:
        self._index = -1
        self.frames: list[Frame] = []

    def add(self, kind: str, fields: _Object, *, counts: bool = False) -> None:
        headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
        # Bedrock pads its events, so that their sizes tell nothing.
        self.frames.append(Frame(frame(headers, plan.ENCODER.encode({**fields, "p": "abcdefgh"})), counts))

    def block(self, start: _Object | None, deltas: list[_Object]) -> None:
        """Add a whole block; only those of tools have a start, and a mark on reasoning is no content of its own."""
        self._index += 1
        if start is not None:
            self.add("contentBlockStart", {"start": start, "contentBlockIndex": self._index})
        for delta in deltas:
            counted = "signature" not in delta.get("reasoningContent", {})
            self.add("contentBlockDelta", {"delta": delta, "contentBlockIndex": self._index}, counts=counted)
        self.add("contentBlockStop", {"contentBlockIndex": self._index})


def _frames(scripted: Answer, asked: Asked) -> list[Frame]:
    frames = _Frames()
    text = said.text(scripted, asked)
    if scripted.opening:
        frames.add("messageStart", {"role": "assistant"})
    for block in _thinking(scripted):
        _thinking_block(frames, block)
    spoken = ([scripted.refusal] if scripted.refusal else []) + said.parts(scripted, text)
    if spoken:
        frames.block(None, [{"text": part} for part in spoken])
    for call, identity in said.calls(scripted, "tooluse_fake"):
        halves = said.halves(bytes(said.arguments(call)).decode())
        start = {"toolUse": {"toolUseId": identity, "name": call.name}}
        frames.block(start, [{"toolUse": {"input": half}} for half in halves])
    stop = _stop(scripted)
    if stop is not None:
        frames.add("messageStop", {"stopReason": stop})
        if scripted.usage != "missing":
            frames.add("metadata", {"usage": _usage(scripted, text), "metrics": {"latencyMs": 7}})
    return frames.frames


def _thinking_block(frames: _Frames, block: _Object) -> None:
    if "redactedContent" in block:
        frames.block(None, [{"reasoningContent": block}])
        return
    thought = block["reasoningText"]
    deltas: list[_Object] = [{"reasoningContent": {"text": part}} for part in said.words(thought["text"])]
    if "signature" in thought:
        deltas.append({"reasoningContent": {"signature": thought["signature"]}})
    frames.block(None, deltas)
