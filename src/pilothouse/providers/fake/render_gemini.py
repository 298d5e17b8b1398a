"""Google's Gemini API as its documentation tells it, written without our own codec."""

import re
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, render, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import MODELS, Answer

PATH = r"/(?:v1|v1beta|v1beta1|v1alpha)/(?:projects/[^/]+/locations/[^/]+/)?(?:publishers/[^/]+/)?models/([^:]+):{}"
_MODEL = re.compile(PATH.format(r"(\w+)"))
_STATUSES = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_FIELDS = frozenset({
    "contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent",
    "labels", "model", "serviceTier", "store",
})  # fmt: skip
_EMBEDDED = frozenset({"model", "content", "taskType", "title", "outputDimensionality", "autoTruncate"})
_DIMENSIONS = 8

_Object = dict[str, Any]


def read(request: Request) -> Asked:
    """Return what a request for content asks for, refusing what Google refuses; raises `SettingsInvalid`."""
    path, _, query = request.target.partition("?")
    named = _MODEL.fullmatch(path)
    streamed = named is not None and named[2] == "streamGenerateContent"
    body = _camel(_object(request.body), _FIELDS)
    turns = msgspec.convert(body.get("contents", []), list[_Object])
    _check(turns)
    settings = msgspec.convert(body.get("generationConfig") or {}, _Object)
    return Asked(
        model=_model(request),
        streamed=streamed,
        n=int(settings.get("candidateCount", settings.get("candidate_count", 1))),
        last_message=_text(turns[-1]),
        variant="array" if streamed and parse_qs(query).get("alt") != ["sse"] else "",
    )


def read_count(request: Request) -> Asked:
    """Return what a request for a count asks for."""
    body = _camel(_object(request.body), _FIELDS | {"generateContentRequest"})
    if not body.keys() & {"contents", "generateContentRequest"}:
        raise SettingsInvalid("contents is not specified")
    return Asked(model=_model(request))


def read_embedded(request: Request) -> Asked:
    """Return what is to be embedded."""
    return _embedded(_model(request), [_object(request.body)], "one")


def read_batch(request: Request) -> Asked:
    """Return what is to be embedded in one go."""
    items = msgspec.convert(_camel(_object(request.body), frozenset({"requests"})).get("requests", []), list[_Object])
    return _embedded(_model(request), items, "batch")


def answer(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of an answer; Google ends the lines of its events with both characters."""
    array = asked.variant == "array"
    if said.failed(scripted):
        error = _error(scripted)
        return plan.whole(scripted, b"[" + error + b"]" if array and scripted.body is None else error)
    scripted = msgspec.structs.replace(scripted, crlf=True)
    if not asked.streamed or scripted.whole:
        return plan.whole(scripted, plan.ENCODER.encode(_content(scripted, asked)))
    chunks = _chunks(scripted, asked)
    if array:
        frames = [Frame((b",\r\n" if place else b"[") + plan.ENCODER.encode(chunk), counts) for place, (chunk, counts)
                  in enumerate(chunks)]  # fmt: skip
        opened = scripted.error_after != 0
        return plan.stream(
            scripted,
            [*frames, Frame(b"]")],
            lambda: (b",\r\n" if opened else b"[") + _error(scripted) + b"]",
            "application/json; charset=UTF-8",
        )
    frames = [Frame(plan.event(scripted, chunk), counts) for chunk, counts in chunks]
    return plan.stream(scripted, frames, lambda: plan.event(scripted, _error(scripted)), "text/event-stream")


def count(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of a count."""
    del asked
    if said.failed(scripted):
        return plan.whole(scripted, _error(scripted))
    total = scripted.prompt_tokens
    return plan.whole(scripted, plan.ENCODER.encode({"totalTokens": total, "promptTokensDetails": _modal(total)}))


def embeddings(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of vectors."""
    if said.failed(scripted):
        return plan.whole(scripted, _error(scripted))
    vectors = [{"values": render.vector(text, asked.size or _DIMENSIONS)} for text in asked.texts]
    content = {"embeddings": vectors} if asked.variant == "batch" else {"embedding": vectors[0]}
    return plan.whole(scripted, plan.ENCODER.encode(content))


def models() -> _Object:
    """Return the list of models."""
    verbs = ["generateContent", "countTokens", "embedContent"]
    items = [{"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": verbs} for name in MODELS]
    return {"models": items}


def _model(request: Request) -> str:
    named = _MODEL.fullmatch(request.target.partition("?")[0])
    return unquote(named[1]) if named is not None else ""


def _object(raw: bytes) -> _Object:
    return msgspec.json.decode(raw, type=_Object)


def _camel(given: _Object, known: frozenset[str]) -> _Object:
    """Return a JSON object; Google takes the names of fields in two spellings, and no unknown ones."""
    found: _Object = {}
    for name, value in given.items():
        spelled = re.sub(r"_(\w)", lambda letter: letter[1].upper(), name)
        if spelled not in known:
            raise SettingsInvalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
        found[spelled] = value
    return found


def _parts(turn: _Object) -> list[_Object]:
    return msgspec.convert(turn.get("parts") or [], list[_Object])


def _text(turn: _Object) -> str:
    return "".join(str(part.get("text", "")) for part in _parts(turn))


def _check(turns: list[_Object]) -> None:
    if not turns:
        raise SettingsInvalid("* GenerateContentRequest.contents: contents is not specified")
    calls = 0
    for turn in turns:
        if turn.get("role", "user") not in ("user", "model", "function"):
            raise SettingsInvalid("Please use a valid role: user, model.")
        parts = _parts(turn)
        if not parts:
            raise SettingsInvalid("* GenerateContentRequest.contents.parts: must not be empty.")
        results = sum("functionResponse" in part or "function_response" in part for part in parts)
        if results != calls:
            raise SettingsInvalid(
                "Please ensure that the number of function response parts is equal to the number of function call parts"
                " of the function call turn."
            )
        calls = sum("functionCall" in part or "function_call" in part for part in parts)


def _embedded(model: str, items: list[_Object], variant: str) -> Asked:
    items = [_camel(item, _EMBEDDED) for item in items]
    if not items or any("content" not in item for item in items):
        raise SettingsInvalid("* EmbedContentRequest.content: content is not specified")
    size = int(items[0].get("outputDimensionality") or 0)
    texts = tuple(_text(msgspec.convert(item["content"], _Object)) for item in items)
    return Asked(model=model, texts=texts, size=size, variant=variant)


def _error(scripted: Answer) -> bytes:
    if scripted.body is not None:
        return scripted.body.encode()
    status = scripted.status
    if status == 200:
        status = 503 if "overloaded" in scripted.error_type else 500
    text = said.message(scripted)
    if scripted.error_code == "context_length_exceeded":
        text = "The input token count (9000) exceeds the maximum number of tokens allowed (8192)."
    known = _STATUSES.get(status, "INTERNAL" if status >= 500 else "FAILED_PRECONDITION")
    problem: _Object = {"code": status, "message": text, "status": known}
    wait = dict(scripted.headers).get("retry-after")
    if wait is not None:
        problem["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"}]
    return plan.ENCODER.encode({"error": problem})


def _modal(total: int) -> list[_Object]:
    return [{"modality": "TEXT", "tokenCount": total}]


def _usage(scripted: Answer, text: str) -> _Object:
    tokens = said.tokens(scripted, text)
    usage: _Object = {
        "promptTokenCount": scripted.prompt_tokens,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "totalTokenCount": scripted.prompt_tokens + tokens.output,
        "promptTokensDetails": _modal(scripted.prompt_tokens),
    }
    if tokens.cached:
        usage["cachedContentTokenCount"] = tokens.cached
        usage["cacheTokensDetails"] = _modal(tokens.cached)
    if tokens.reasoning:
        usage["thoughtsTokenCount"] = tokens.reasoning
    return usage


def _finish(scripted: Answer) -> str | None:
    if scripted.finish_reason:
        return (
            None if scripted.finish_reason == "none" else _FINISHES.get(scripted.finish_reason, scripted.finish_reason)
        )
    return "SAFETY" if scripted.refusal else "STOP"


def _mark(scripted: Answer) -> _Object:
    """Return the mark that reasoning leaves on the first call, or on the last text."""
    mark = said.signature("google", scripted) if scripted.reasoning else ""
    return {"thoughtSignature": mark} if mark else {}


def _calls(scripted: Answer) -> list[_Object]:
    parts: list[_Object] = []
    for place, call in enumerate(scripted.tool_calls):
        made: _Object = {"name": call.name, "args": said.arguments(call)}
        if call.id:
            made["id"] = call.id
        parts.append({"functionCall": made} | (_mark(scripted) if place == 0 else {}))
    return parts


def _shell(scripted: Answer, asked: Asked, parts: list[_Object], finish: str | None) -> _Object:
    candidate: _Object = {"content": {"parts": parts, "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = finish
    candidates = [{**candidate, "index": index} for index in range(asked.n)]
    return {"candidates": candidates, "modelVersion": scripted.model or asked.model, "responseId": "fake-response"}


def _content(scripted: Answer, asked: Asked) -> _Object:
    text = said.text(scripted, asked)
    parts: list[_Object] = []
    if scripted.reasoning:
        parts.append({"text": scripted.reasoning, "thought": True})
    if scripted.refusal or text:
        parts.append({"text": scripted.refusal + text} | ({} if scripted.tool_calls else _mark(scripted)))
    whole = _shell(scripted, asked, parts + _calls(scripted), _finish(scripted))
    if scripted.usage != "missing":
        whole["usageMetadata"] = _usage(scripted, text)
    return whole


def _chunks(scripted: Answer, asked: Asked) -> list[tuple[_Object, bool]]:
    """Return the chunks of a stream, and whether a script counts them; the last one has the finish and the totals."""
    text = said.text(scripted, asked)
    parts: list[_Object] = [{"text": part, "thought": True} for part in said.words(scripted.reasoning)]
    spoken = ([scripted.refusal] if scripted.refusal else []) + said.parts(scripted, text)
    parts += [{"text": part} for part in spoken] + _calls(scripted)
    chunks = [(_shell(scripted, asked, [part], None), True) for part in parts]
    finish = _finish(scripted)
    if finish is not None:
        last: list[_Object] = [{"text": ""} | ({} if scripted.tool_calls else _mark(scripted))]
        chunks.append((_shell(scripted, asked, last, finish), False))
    if scripted.usage != "missing":
        totals = _usage(scripted, text)
        running = {key: totals[key] for key in ("promptTokenCount", "promptTokensDetails")}
        running["totalTokenCount"] = scripted.prompt_tokens
        for place, (chunk, _) in enumerate(chunks):
            chunk["usageMetadata"] = totals if place == len(chunks) - 1 else running
    return chunks
