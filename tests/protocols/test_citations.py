"""Pages on the web that an answer cites, between all dialects that have words for them."""

import itertools
import json
from typing import Any

import pytest

from pilothouse.domain.chat import ChatReply, Choice, CitationAdded, Event, Text
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_MEMO, Ask, ChatCodec, Echo
from pilothouse.protocols.citations import Page, page, pages
from pilothouse.protocols.conversion import events_of

SAID = "Zürich: rain, says the paper."
URL, TITLE = "https://a.example/", "Paper"
OPENAI = {"url": URL, "title": TITLE, "start_index": 8, "end_index": 12}
ANTHROPIC = {
    "type": "web_search_result_location", "url": URL, "title": TITLE, "cited_text": "It rains.", "encrypted_index": "E="
}  # fmt: skip
GROUNDING = {
    "groundingChunks": [{"web": {"uri": URL, "title": TITLE}}],
    "groundingSupports": [{"segment": {"startIndex": 9, "endIndex": 13}, "groundingChunkIndices": [0]}],
}
ANSWERS: dict[str, dict[str, Any]] = {
    "openai_chat": {
        "choices": [{
            "message": {"role": "assistant", "content": SAID,
                        "annotations": [{"type": "url_citation", "url_citation": OPENAI}]},
            "finish_reason": "stop",
        }]
    },
    "openai_responses": {
        "status": "completed",
        "output": [{"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": SAID, "annotations": [{"type": "url_citation", **OPENAI}]}
        ]}],
    },
    "anthropic_messages": {"content": [{"type": "text", "text": SAID, "citations": [ANTHROPIC]}]},
    "gemini": {"candidates": [{"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP",
                               "groundingMetadata": GROUNDING}]},
    "cohere_chat": {"finish_reason": "COMPLETE", "message": {
        "role": "assistant", "content": [{"type": "text", "text": SAID}],
        "citations": [{
            "start": 8, "end": 12, "text": "rain", "content_index": 0, "type": "TEXT_CONTENT",
            "sources": [{"type": "document", "id": "d", "document": {"url": URL, "title": TITLE}}],
        }],
    }},
    "bedrock_converse": {"output": {"message": {"content": [{"citationsContent": {
        "content": [{"text": SAID}],
        "citations": [{"title": TITLE, "sourceContent": [{"text": "It rains."}], "location": {"web": {"url": URL}}}],
    }}]}}, "stopReason": "end_turn"},
}  # fmt: skip
NAMES = tuple(ANSWERS)
PAIRS = tuple(itertools.permutations(NAMES, 2))
FACTS = ModelFacts()
RANGED = {"openai_chat", "openai_responses", "gemini", "cohere_chat"}
QUOTING = {"anthropic_messages", "bedrock_converse", "cohere_chat"}


def codec(name: str) -> ChatCodec:
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


def echo(name: str) -> Echo:
    asked: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [], "input": [], "contents": []}
    asked |= {"messages": [{"role": "user", "content": "hi"}]} if name == "cohere_chat" else {}
    return Echo(codec(name).read_request(json.dumps(asked).encode(), Ask("m")), "1")


def cited(reply: ChatReply) -> list[Page]:
    return [found for part in reply.choices[0].parts if isinstance(part, Text) for found in pages(part)]


def expected(source: str, target: str) -> Page:
    """A page as it arrives: dialects that cite for a whole text know no less than that."""
    start, end = (8, 12) if source in RANGED else (0, len(SAID))
    ranged = target in RANGED
    quoted = source in QUOTING - {"cohere_chat"} and target in QUOTING
    return Page(URL, TITLE, start if ranged else 0, end if ranged else None, "It rains." if quoted else "")


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_whole_answers_keep_the_pages_that_they_cite(source: str, target: str) -> None:
    reply = codec(source).read_reply(json.dumps(ANSWERS[source]).encode(), NO_MEMO)
    written = codec(target).write_reply(reply, echo(target))
    assert cited(codec(target).read_reply(written, NO_MEMO)) == [expected(source, target)]


def streamed(target: str, events: list[Event]) -> list[Event]:
    writer, reader = codec(target).writer(echo(target)), codec(target).reader(NO_MEMO)
    return [found for event in events for found in reader.feed(writer.write(event))] + list(reader.end())


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_streamed_answers_keep_the_pages_that_they_cite(source: str, target: str) -> None:
    reply = codec(source).read_reply(json.dumps(ANSWERS[source]).encode(), NO_MEMO)
    found = [event for event in streamed(target, list(events_of(reply))) if isinstance(event, CitationAdded)]
    assert [page(event.dialect, event.citation) for event in found] == [expected(source, target)]


@pytest.mark.parametrize("target", ["openai_chat", "gemini"])
def test_places_count_from_the_beginning_of_all_texts(target: str) -> None:
    own = codec("anthropic_messages").read_reply(json.dumps(ANSWERS["anthropic_messages"]).encode(), NO_MEMO)
    reply = ChatReply(choices=(Choice((Text("Well. "), *own.choices[0].parts)),))
    found = [event for event in streamed(target, list(events_of(reply))) if isinstance(event, CitationAdded)]
    (one,) = [page(event.dialect, event.citation) for event in found]
    assert one == Page(URL, TITLE, 6, 6 + len(SAID))
    if target == "openai_chat":
        written = json.loads(codec(target).write_reply(reply, echo(target)))
        (annotation,) = written["choices"][0]["message"]["annotations"]
        assert annotation["url_citation"]["start_index"] == 6


def test_citations_of_anthropic_s_streams_come_behind_their_text() -> None:
    start: dict[str, Any] = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "text", "text": "", "citations": []},
    }
    deltas = [{"type": "citations_delta", "citation": ANTHROPIC}, {"type": "text_delta", "text": SAID}]
    frames: list[dict[str, Any]] = [
        start,
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
    ]
    frames.append({"type": "content_block_stop", "index": 0})
    raw = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames)
    writer = codec("openai_chat").writer(echo("openai_chat"))
    out = b"".join(writer.write(event) for event in codec("anthropic_messages").reader(NO_MEMO).feed(raw))
    assert f'"start_index":0,"end_index":{len(SAID)}'.encode() in out


@pytest.mark.parametrize("target", NAMES)
def test_pages_of_gemini_s_streams_stay_where_the_text_ends_in_a_mark(target: str) -> None:
    signed = {"content": {"parts": [{"text": "", "thoughtSignature": "c2lnbmVk"}]}, "finishReason": "STOP"}
    candidates: list[dict[str, Any]] = [{"content": {"parts": [{"text": piece}]}} for piece in (SAID[:5], SAID[5:])]
    candidates.append({**signed, "groundingMetadata": GROUNDING})
    raw = b"".join(b"data: " + json.dumps({"candidates": [one]}).encode() + b"\n\n" for one in candidates)
    reader = codec("gemini").reader(NO_MEMO)
    found = [
        event for event in streamed(target, [*reader.feed(raw), *reader.end()]) if isinstance(event, CitationAdded)
    ]
    assert [page(event.dialect, event.citation) for event in found] == [expected("gemini", target)]


def test_pages_that_google_s_models_recite_are_citations_too() -> None:
    source = {"startIndex": 0, "endIndex": 7, "uri": URL}
    candidate = {"content": {"parts": [{"text": SAID}]}, "citationMetadata": {"citationSources": [source, {}]}}
    reply = codec("gemini").read_reply(json.dumps({"candidates": [candidate]}).encode(), NO_MEMO)
    assert cited(reply) == [Page(URL, "", 0, 6)]


def test_citations_of_documents_have_no_place_elsewhere() -> None:
    own = {"type": "char_location", "cited_text": "c", "document_index": 0}
    body = {"content": [{"type": "text", "text": SAID, "citations": [own]}]}
    reply = codec("anthropic_messages").read_reply(json.dumps(body).encode(), NO_MEMO)
    for target in NAMES[:2] + NAMES[3:]:
        assert cited(codec(target).read_reply(codec(target).write_reply(reply, echo(target)), NO_MEMO)) == []


def test_citations_that_claude_did_not_make_never_reach_anthropic() -> None:
    reply = codec("openai_chat").read_reply(json.dumps(ANSWERS["openai_chat"]).encode(), NO_MEMO)
    answer = json.loads(codec("anthropic_messages").write_reply(reply, echo("anthropic_messages")))
    block = {**answer["content"][0], "citations": [*answer["content"][0]["citations"], ANTHROPIC]}
    big = 12345678901234567890123
    turns: list[dict[str, Any]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [block, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "u", "name": "f", "input": {"n": big}}]},
    ]
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": turns}).encode()
    dialect = table.dialect("anthropic_messages")
    assert dialect.needs_canonical(body)
    sent = json.loads(dialect.rewrite(body, model="claude", ask_usage=False))
    assert sent["messages"][1]["content"][0]["citations"] == [ANTHROPIC]
    assert sent["messages"][2]["content"][0]["input"] == {"n": big}
    assert json.loads(codec("anthropic_messages").write_request(
        codec("anthropic_messages").read_request(body, Ask()), FACTS).body
    )["messages"][1]["content"][0]["citations"] == [ANTHROPIC]  # fmt: skip


def test_cited_answers_come_back_as_they_were() -> None:
    message = ANSWERS["openai_chat"]["choices"][0]["message"]
    asked: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}, message]}
    request = codec("openai_chat").read_request(json.dumps(asked).encode(), Ask())
    assert json.loads(codec("openai_chat").write_request(request, FACTS).body)["messages"][1] == message
    there = json.loads(codec("openai_responses").write_request(request, FACTS).body)
    assert there["input"][1]["content"][0]["annotations"] == [{"type": "url_citation", **OPENAI}]
    for target in ("anthropic_messages", "gemini", "bedrock_converse"):
        (loss,) = codec(target).write_request(request, FACTS).losses
        assert (loss.field, loss.essential) == ("messages.1.content.0.citations", False)
