"""What a request loses between two dialects: how much it matters, and that none of it goes in silence."""

import json
from typing import Any

import pytest

from pilothouse.domain.facts import Loss, ModelFacts
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask, ChatCodec, Written

HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
TARGETS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini", "bedrock_converse")
TOOL: dict[str, Any] = {"type": "object", "properties": {}}


def codec(name: str) -> ChatCodec:
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


def sent(caller: str, target: str, body: dict[str, Any], facts: ModelFacts | None = None) -> Written:
    request = codec(caller).read_request(json.dumps(body).encode(), Ask("m", streamed=False))
    return codec(target).write_request(request, facts or ModelFacts())


def chat(target: str, **more: Any) -> Written:
    return sent("openai_chat", target, {"model": "m", "messages": [HELLO], **more})


def lost(written: Written, *, essential: bool) -> set[str]:
    return {loss.field for loss in written.losses if loss.essential is essential}


def essential(written: Written) -> list[Loss]:
    return [loss for loss in written.losses if loss.essential]


@pytest.mark.parametrize("target", ["anthropic_messages", "gemini", "bedrock_converse"])
def test_a_tool_that_alone_may_be_called_is_the_only_one_declared(target: str) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": TOOL}} for name in ("f", "g")]
    only = {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}
    written = chat(target, tools=tools, tool_choice={"type": "allowed_tools", "allowed_tools": only})
    assert b'"f"' in written.body
    assert b'"g"' not in written.body


OWN: list[tuple[str, dict[str, Any]]] = [
    ("openai_chat", {"web_search_options": {}}),
    ("anthropic_messages", {"mcp_servers": [{"type": "url", "url": "https://m.example", "name": "m"}]}),
    ("anthropic_messages", {"container": {"id": "c", "skills": []}}),
    ("bedrock_converse", {"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}),
    ("bedrock_converse", {"promptVariables": {"city": {"text": "Bern"}}}),
    ("gemini", {"safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_LOW_AND_ABOVE"}]}),
    ("gemini", {"modelArmorConfig": {"promptTemplateName": "t"}}),
]


def words(caller: str, **more: Any) -> dict[str, Any]:
    """A request of one turn in a dialect's words."""
    if caller == "gemini":
        return {"contents": [{"role": "user", "parts": [{"text": "hello"}]}], **more}
    if caller == "bedrock_converse":
        return {"messages": [{"role": "user", "content": [{"text": "hello"}]}], **more}
    turns = {"input": "hello"} if caller == "openai_responses" else {"messages": [HELLO]}
    limit = {"max_tokens": 64} if caller == "anthropic_messages" else {}
    return {"model": "m", **turns, **limit, **more}


@pytest.mark.parametrize(
    ("caller", "target", "field"),
    [
        pytest.param(caller, target, field, id=f"{next(iter(field))} to {target}")
        for caller, field in OWN
        for target in (*TARGETS, "openai_completions")
        if target != caller
    ],
)
def test_what_decides_the_answer_is_never_only_a_hint(caller: str, target: str, field: dict[str, Any]) -> None:
    written = sent(caller, target, words(caller, **field))
    assert {next(iter(field))} <= lost(written, essential=True)
    assert not set(field) & lost(written, essential=False)


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses", "anthropic_messages", "bedrock_converse"])
def test_filters_that_are_only_loosened_are_a_hint(target: str) -> None:
    settings = [
        {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"},
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"},
    ]
    written = sent("gemini", target, words("gemini", safetySettings=settings))
    assert "safetySettings" in lost(written, essential=False)
    assert essential(written) == []


def test_fields_inside_of_others_are_named_themselves() -> None:
    config = {"mediaResolution": "MEDIA_RESOLUTION_LOW", "temperature": 0.5}
    written = sent("gemini", "openai_chat", words("gemini", generationConfig=config))
    assert lost(written, essential=False) == {"generationConfig.mediaResolution"}


def test_an_answer_of_one_word_of_a_list_loses_nothing_by_its_form() -> None:
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a", "b"]}}
    written = sent("gemini", "openai_chat", words("gemini", generationConfig=config))
    assert written.losses == ()


def picture(caller: str, **source: Any) -> dict[str, Any]:
    """A request with a picture that stands somewhere."""
    if caller == "gemini":
        return {"contents": [{"parts": [{"text": "look"}, {"fileData": {"mimeType": "image/png", **source}}]}]}
    if caller == "bedrock_converse":
        image = {"image": {"format": "png", "source": {"s3Location": source}}}
        return {"messages": [{"role": "user", "content": [{"text": "look"}, image]}]}
    if caller == "anthropic_messages":
        blocks = [{"type": "text", "text": "look"}, {"type": "image", "source": {"type": "file", **source}}]
        return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": blocks}]}
    part = {"type": "input_image", **source}
    return {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "look"}, part]}]}


@pytest.mark.parametrize(
    ("caller", "target", "source"),
    [
        ("bedrock_converse", "openai_chat", {"uri": "s3://bucket/a.png"}),
        ("bedrock_converse", "openai_responses", {"uri": "s3://bucket/a.png"}),
        ("gemini", "openai_chat", {"fileUri": "gs://bucket/a.png"}),
        ("gemini", "openai_responses", {"fileUri": "gs://bucket/a.png"}),
        ("gemini", "openai_chat", {"fileUri": "files/abc"}),
        ("gemini", "openai_responses", {"fileUri": "files/abc"}),
        ("anthropic_messages", "openai_chat", {"file_id": "file_011"}),
        ("anthropic_messages", "openai_responses", {"file_id": "file_011"}),
        ("openai_responses", "anthropic_messages", {"file_id": "file-abc"}),
        ("openai_responses", "gemini", {"file_id": "file-abc"}),
    ],
)
def test_pictures_that_only_another_vendor_can_read_are_refused(
    caller: str, target: str, source: dict[str, Any]
) -> None:
    written = sent(caller, target, picture(caller, **source))
    (place,) = source.values()
    assert place.encode() not in written.body
    (loss,) = essential(written)
    assert (loss.field, loss.address) == ("messages.0.content.1", "")


def document(caller: str, source: dict[str, Any]) -> dict[str, Any]:
    if caller == "gemini":
        return {"contents": [{"parts": [{"fileData": {"mimeType": "application/pdf", **source}}]}]}
    block = {"type": "document", "source": source}
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses"])
@pytest.mark.parametrize(
    ("caller", "source"),
    [
        ("gemini", {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}),
        ("gemini", {"fileUri": "gs://bucket/a.pdf"}),
        ("anthropic_messages", {"type": "file", "file_id": "file_011"}),
    ],
)
def test_documents_that_only_another_vendor_can_read_are_refused(
    caller: str, source: dict[str, Any], target: str
) -> None:
    (loss,) = essential(sent(caller, target, document(caller, source)))
    assert (loss.field, loss.address) == ("messages.0.content.0", "")


def test_files_of_openai_are_known_in_both_of_its_dialects() -> None:
    part = {"type": "file", "file": {"file_id": "file-abc", "filename": "a.pdf"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    there = sent("openai_chat", "openai_responses", body)
    assert there.losses == ()
    back = sent("openai_responses", "openai_chat", json.loads(there.body))
    assert essential(back) == []
    assert json.loads(back.body)["messages"] == body["messages"]


def test_a_picture_of_a_tool_that_chat_cannot_read_is_refused() -> None:
    result = {"type": "image", "source": {"type": "file", "file_id": "file_011"}}
    turns: list[dict[str, Any]] = [
        HELLO,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [result]}]},
    ]
    written = sent("anthropic_messages", "openai_chat", {"model": "m", "max_tokens": 9, "messages": turns})
    assert len(essential(written)) == 1


TITLED = {"type": "document", "title": "Log", "context": "kept at sea", "citations": {"enabled": True}}
PLAIN = {**TITLED, "source": {"type": "text", "media_type": "text/plain", "data": "Rain."}}
PDF = {**TITLED, "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses", "gemini"])
def test_title_and_context_of_a_text_go_along_and_the_rest_is_noted(target: str) -> None:
    body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": [PLAIN]}]}
    written = sent("anthropic_messages", target, body)
    assert rb"<document title=\"Log\">\n<context>kept at sea</context>\nRain.\n</document>" in written.body
    assert len(written.losses) == 1
    assert "cite" in written.losses[0].reason


@pytest.mark.parametrize("target", ["openai_chat", "openai_responses", "gemini"])
def test_context_and_citations_of_a_file_are_noted(target: str) -> None:
    body = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": [PDF]}]}
    written = sent("anthropic_messages", target, body)
    assert len(written.losses) == 2
    assert essential(written) == []
    assert b"kept at sea" not in written.body


@pytest.mark.parametrize(
    ("target", "turns"), [("anthropic_messages", "messages"), ("bedrock_converse", "messages"), ("gemini", "contents")]
)
def test_where_only_the_system_speaks_its_words_are_the_user_s(target: str, turns: str) -> None:
    body = {"model": "m", "messages": [{"role": "system", "content": "Name a harbour."}]}
    written = sent("openai_chat", target, body)
    (turn,) = json.loads(written.body)[turns]
    assert turn["role"] == "user"
    assert "Name a harbour." in json.dumps(turn)
    assert written.body.count(b"Name a harbour.") == 1
    assert lost(written, essential=False) == {"messages"}


@pytest.mark.parametrize("field", [{"seed": 0}, {"n": 2}, {"store": True}, {"prediction": {"type": "content"}}])
def test_a_setting_alone_is_noted(field: dict[str, Any]) -> None:
    assert [loss.field for loss in chat("anthropic_messages", **field).losses] == list(field)


@pytest.mark.parametrize("field", [{"seed": None}, {"n": 1}, {"store": False}, {"modalities": ["text"]}, {"n": None}])
def test_a_setting_that_asks_for_nothing_is_not(field: dict[str, Any]) -> None:
    assert chat("anthropic_messages", **field).losses == ()
