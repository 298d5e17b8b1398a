"""Documents that a caller gives are cited in its own words, whichever of the dialects that cite documents answers."""

import base64
import itertools
import json
from typing import Any

import pytest

from pilothouse.domain.chat import Document
from pilothouse.domain.facts import ModelFacts
from pilothouse.errors import InvalidRequest
from pilothouse.protocols import table
from pilothouse.protocols.base import NO_MEMO, Ask, ChatCodec
from pilothouse.protocols.conversion import Task, convert, events_of

DOCUMENTS = (("Weather", "It rains in Berne. Snow falls in Chur."), ("Trains", "All trains are late."))
QUOTE = "Snow falls in Chur."
SAID = "It snows there, so be patient."
BEGIN = DOCUMENTS[0][1].index(QUOTE)
ASKED = "What is it like?"
ASKS: dict[str, dict[str, Any]] = {
    "cohere_chat": {
        "messages": [{"role": "user", "content": ASKED}],
        "documents": [{"id": f"d{n}", "data": {"title": t, "text": s}} for n, (t, s) in enumerate(DOCUMENTS)],
    },
    "anthropic_messages": {
        "max_tokens": 99,
        "messages": [{"role": "user", "content": [
            *({"type": "document", "title": title, "citations": {"enabled": True},
               "source": {"type": "text", "media_type": "text/plain", "data": said}} for title, said in DOCUMENTS),
            {"type": "text", "text": ASKED},
        ]}],
    },
    "bedrock_converse": {
        "messages": [{"role": "user", "content": [
            *({"document": {"name": title, "format": "txt", "citations": {"enabled": True}, "source": {"text": said}}}
              for title, said in DOCUMENTS),
            {"text": ASKED},
        ]}],
    },
}  # fmt: skip
NAMES = tuple(ASKS)
PAIRS = tuple(itertools.permutations(NAMES, 2))
CITED: dict[str, list[dict[str, Any]]] = {
    "anthropic_messages": [
        {"type": "char_location", "cited_text": QUOTE, "document_index": 0, "document_title": "Weather",
         "start_char_index": BEGIN, "end_char_index": BEGIN + len(QUOTE), "file_id": None},
        {"type": "char_location", "cited_text": DOCUMENTS[1][1], "document_index": 1, "document_title": "Trains",
         "start_char_index": 0, "end_char_index": 20, "file_id": None},
    ],
    "bedrock_converse": [
        {"title": "Weather", "sourceContent": [{"text": QUOTE}],
         "location": {"documentChar": {"documentIndex": 0, "start": BEGIN, "end": BEGIN + len(QUOTE)}}},
        {"title": "Trains", "sourceContent": [{"text": DOCUMENTS[1][1]}],
         "location": {"documentChar": {"documentIndex": 1, "start": 0, "end": 20}}},
    ],
}  # fmt: skip


def codec(name: str) -> ChatCodec:
    found = table.dialect(name).codec
    assert isinstance(found, ChatCodec)
    return found


def task(caller: str, upstream: str, **fields: Any) -> Task:
    model = {} if caller == "bedrock_converse" else {"model": "m"}
    body = json.dumps({**model, **ASKS[caller], **fields}).encode()
    return Task(table.dialect(caller), table.dialect(upstream), body, Ask("m"), "m", ModelFacts(), "1")


def by_cohere(ids: list[str]) -> list[dict[str, Any]]:
    """Citations of Cohere's: it knows the documents by their ids."""

    def source(place: int, quote: str) -> dict[str, Any]:
        shown = {"id": ids[place], "title": DOCUMENTS[place][0], "snippet": quote}
        return {"type": "document", "id": ids[place], "document": shown}

    shared = {"content_index": 0, "type": "TEXT_CONTENT"}
    return [
        {"start": 3, "end": 8, "text": "snows", "sources": [source(0, QUOTE)], **shared},
        {"start": 23, "end": 30, "text": "patient", "sources": [source(1, DOCUMENTS[1][1])], **shared},
    ]


def answered(upstream: str, sent: dict[str, Any]) -> bytes:
    """Return an answer of the upstream that cites both documents as they were sent."""
    if upstream == "cohere_chat":
        message = {
            "role": "assistant", "content": [{"type": "text", "text": SAID}],
            "citations": by_cohere([document["id"] for document in sent["documents"]]),
        }  # fmt: skip
        return json.dumps({"id": "1", "finish_reason": "COMPLETE", "message": message}).encode()
    if upstream == "anthropic_messages":
        block = {"type": "text", "text": SAID, "citations": CITED[upstream]}
        usage = {"input_tokens": 1, "output_tokens": 1}
        whole = {"id": "1", "model": "m", "role": "assistant", "type": "message", "content": [block], "usage": usage}
        return json.dumps({**whole, "stop_reason": "end_turn"}).encode()
    content = [{"citationsContent": {"content": [{"text": SAID}], "citations": CITED[upstream]}}]
    return json.dumps({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn",
                       "usage": {"inputTokens": 1, "outputTokens": 1}}).encode()  # fmt: skip


def seen(caller: str, whole: bytes) -> list[dict[str, Any]]:
    """Return the citations in an answer to the caller."""
    answer = json.loads(whole)
    if caller == "cohere_chat":
        return answer["message"]["citations"]
    if caller == "anthropic_messages":
        return answer["content"][0]["citations"]
    return answer["output"]["message"]["content"][0]["citationsContent"]["citations"]


def expected(caller: str, upstream: str) -> list[dict[str, Any]]:
    if caller != "cohere_chat":
        return CITED[caller]
    cited = by_cohere(["d0", "d1"])
    # Others cite for a text as a whole.
    whole = {"start": 0, "end": len(SAID), "text": SAID}
    return [citation | whole for citation in cited] if upstream != "cohere_chat" else cited


@pytest.mark.parametrize(("caller", "upstream"), PAIRS)
def test_documents_go_along_to_be_cited(caller: str, upstream: str) -> None:
    conversion = convert(task(caller, upstream))
    assert conversion is not None
    assert conversion.losses == ()
    read = codec(upstream).read_request(conversion.body, Ask("m"))
    found = [part for message in read.messages for part in message.parts if isinstance(part, Document)]
    texts = [part.text or base64.b64decode(part.media.data).decode() for part in found]
    assert list(zip((part.name for part in found), texts, strict=True)) == list(DOCUMENTS)
    assert all(part.cited for part in found)


@pytest.mark.parametrize(("caller", "upstream"), PAIRS)
def test_a_whole_answer_cites_them_in_the_callers_words(caller: str, upstream: str) -> None:
    conversion = convert(task(caller, upstream))
    assert conversion is not None
    whole = conversion.reply(answered(upstream, json.loads(conversion.body)))
    assert seen(caller, whole) == expected(caller, upstream)
    assert conversion.unsaid == []


@pytest.mark.parametrize(("caller", "upstream"), PAIRS)
def test_a_stream_cites_them_too(caller: str, upstream: str) -> None:
    streamed = {} if caller == "bedrock_converse" else {"stream": True}
    conversion = convert(task(caller, upstream, **streamed))
    assert conversion is not None
    answer = answered(upstream, json.loads(conversion.body))
    writer = codec(upstream).writer(_echo(upstream))
    scan = conversion.scan()
    out = b"".join(scan.feed(writer.write(event)) for event in events_of(codec(upstream).read_reply(answer, NO_MEMO)))
    out += scan.end()
    fold = table.dialect(caller).fold
    assert fold is not None
    assert seen(caller, fold(out)) == expected(caller, upstream)
    assert conversion.unsaid == []


def _echo(name: str) -> Any:
    from_caller = convert(task(name, next(other for other in NAMES if other != name)))
    assert from_caller is not None
    return from_caller._echo  # type: ignore[attr-defined]


@pytest.mark.parametrize("upstream", ["openai_chat", "gemini", "mistral_chat"])
def test_elsewhere_coheres_documents_are_read_as_text_and_what_is_lost_is_told(upstream: str) -> None:
    conversion = convert(task("cohere_chat", upstream))
    assert conversion is not None
    assert DOCUMENTS[0][1].encode() in conversion.body
    assert not any(loss.essential for loss in conversion.losses)
    assert all(loss.field.startswith("documents.") for loss in conversion.losses)


def test_a_document_may_be_text_or_data_of_any_form() -> None:
    given = ["Snow.", {"data": "Rain."}, {"id": "x", "data": {"a": 1, "b": 2}}, {"data": {"snippet": "Hail."}}]
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "documents": given}
    read = codec("cohere_chat").read_request(json.dumps(body).encode(), Ask("m"))
    found = [part for part in read.messages[0].parts if isinstance(part, Document)]
    assert [part.text for part in found] == ["Snow.", "Rain.", '{"a":1,"b":2}', "Hail."]
    written = json.loads(codec("cohere_chat").write_request(read, ModelFacts()).body)["documents"]
    assert [document["id"] for document in written] == ["doc:0", "doc:1", "x", "doc:3"]
    assert [document["data"] for document in written] == ["Snow.", "Rain.", {"a": 1, "b": 2}, {"snippet": "Hail."}]


@pytest.mark.parametrize("wrong", ["text", [3], {"a": 1}])
def test_documents_of_another_form_are_refused(wrong: Any) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}], "documents": wrong}
    with pytest.raises(InvalidRequest) as caught:
        codec("cohere_chat").read_request(json.dumps(body).encode(), Ask("m"))
    assert (caught.value.param or "").startswith("documents")


def test_without_citations_documents_are_given_only() -> None:
    body = {**ASKS["cohere_chat"], "model": "m", "citation_options": {"mode": "OFF"}}
    read = codec("cohere_chat").read_request(json.dumps(body).encode(), Ask("m"))
    assert not any(part.cited for part in read.messages[0].parts if isinstance(part, Document))


@pytest.mark.parametrize(("caller", "upstream"), [pair for pair in PAIRS if "cohere_chat" in pair])
def test_a_citation_of_no_document_that_was_given_is_noted(caller: str, upstream: str) -> None:
    conversion = convert(task(caller, upstream))
    assert conversion is not None
    answer = answered(upstream, json.loads(conversion.body))
    odd = answer.replace(b'"document_index": 0', b'"document_index": 7').replace(
        b'"documentIndex": 0', b'"documentIndex": 7'
    )
    odd = odd.replace(b'"doc:0"', b'"nobody"').replace(b'"d0"', b'"nobody"')
    conversion.reply(odd)
    assert [loss.field for loss in conversion.unsaid] == ["answer.citations"]


def test_pages_of_a_file_are_told_between_those_that_count_them() -> None:
    asked = {
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [
            {"type": "document", "title": "Paper", "citations": {"enabled": True},
             "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
            {"type": "text", "text": ASKED},
        ]}],
    }  # fmt: skip
    conversion = convert(task("anthropic_messages", "bedrock_converse", **asked))
    assert conversion is not None
    citation = {"title": "Paper", "location": {"documentPage": {"documentIndex": 0, "start": 2, "end": 3}}}
    content = [{"citationsContent": {"content": [{"text": SAID}], "citations": [citation]}}]
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn"}
    [found] = seen("anthropic_messages", conversion.reply(json.dumps(body).encode()))
    assert (found["type"], found["start_page_number"], found["end_page_number"]) == ("page_location", 2, 3)


def test_events_of_answers_without_documents_are_left_as_they_are() -> None:
    conversion = convert(task("anthropic_messages", "cohere_chat", messages=[{"role": "user", "content": "hi"}]))
    assert conversion is not None
    page = {"sources": [{"type": "document", "id": "1", "document": {"url": "https://a.example/", "title": "A"}}]}
    message = {"role": "assistant", "content": [{"type": "text", "text": SAID}], "citations": [page]}
    whole = conversion.reply(json.dumps({"finish_reason": "COMPLETE", "message": message}).encode())
    assert seen("anthropic_messages", whole)[0]["type"] == "web_search_result_location"
