"""A call that goes on from an earlier response, kept by the account that served it or by the gateway alone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pilothouse.domain.call import Outcome
from pilothouse.domain.snapshot import Alias, Target
from pilothouse.providers.fake import Answer
from pilothouse.providers.fake.script import ToolCall
from tests.gateway.keeping import PATH, Kept, keeping

ELSEWHERE = ["two", "claude", "chat"]
TOOL = {"type": "function", "name": "get", "parameters": {"type": "object", "properties": {}}, "strict": False}


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with keeping(tmp_path) as up:
        yield up


def said(kept: Kept) -> str:
    return kept.fake.requests[-1].body.decode()


async def refused(kept: Kept, **fields: Any) -> tuple[int, dict[str, Any]]:
    async with kept.running.client() as client:
        answer = await client.post(PATH, json={"model": "claude/m", "input": "x", **fields})
    return answer.status_code, answer.json()["error"]


async def test_at_the_account_that_keeps_it_bytes_pass_untouched(kept: Kept) -> None:
    kept.accounts(one="openai")
    kept.fake.script(Answer(id="resp_1"), Answer(id="resp_2"))
    await kept.ask("m", "First.")
    sent = b'{"model":"m", "previous_response_id":"resp_1","input":"Second."}'
    async with kept.running.client() as client:
        answer = await client.post(PATH, content=sent)
    assert (answer.status_code, kept.fake.requests[-1].body) == (200, sent)
    assert (await kept.call("GET", "resp_2"))[1]["id"] == "resp_2"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("account", ELSEWHERE)
async def test_elsewhere_the_whole_conversation_is_sent(kept: Kept, account: str, stream: bool) -> None:
    kept.fake.script(Answer(id="resp_1", text="Bern it is."), Answer(id="resp_2", text="In 1848."))
    await kept.ask("one/m", "Which capital?", instructions="Be brief.")
    second = {"model": f"{account}/m", "input": "Since when?", "previous_response_id": "resp_1", "stream": stream}
    async with kept.running.client() as client:
        answer = await client.post(PATH, json=second)
    sent = said(kept)
    assert sent.index("Which capital?") < sent.index("Bern it is.") < sent.index("Since when?")
    assert "Be brief." not in sent
    assert "previous_response_id" not in sent
    assert "msg_" not in sent
    assert "resp_" not in sent
    assert b'"previous_response_id":"resp_1"' in answer.content
    if stream:
        events = [msgspec.json.decode(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        assert {item["response"]["previous_response_id"] for item in events if "response" in item} == {"resp_1"}
        response = events[-1]["response"]
    else:
        response = answer.json()
    kept.fake.script({"text": "Yes."})
    third = await kept.ask("claude/m", "Sure?", previous_response_id=response["id"])
    sent = said(kept)
    order = ["Which capital?", "Bern it is.", "Since when?", "In 1848.", "Sure?"]
    assert [sent.index(text) for text in order] == sorted(sent.index(text) for text in order)
    assert third["previous_response_id"] == response["id"]
    (item,) = (await kept.call("GET", f"{third['id']}/input_items"))[1]["data"]
    assert item["content"][0]["text"] == "Sure?"


async def test_from_the_gateways_own_memory_back_to_the_vendor(kept: Kept) -> None:
    first = await kept.ask("claude/m", "First.")
    answer = await kept.ask("one/m", "Second.", previous_response_id=first["id"])
    sent = kept.fake.requests[-1].json
    assert [item["role"] for item in sent["input"][:2]] == ["user", "assistant"]
    assert "id" not in sent["input"][1]
    assert answer["previous_response_id"] == first["id"]


async def test_a_route_leads_to_the_account_that_keeps_it(kept: Kept) -> None:
    kept.running.aliases = [Alias("a", "any", tuple(Target(name, "m") for name in ("one", "two", "claude")))]
    kept.running.publish()
    kept.fake.script(Answer(id="resp_1"), Answer(id="resp_2"))
    await kept.ask("two/m", "First.")
    for _ in range(8):
        async with kept.running.client() as client:
            body = {"model": "any", "input": "x", "previous_response_id": "resp_1"}
            answer = await client.post(PATH, json=body)
        assert answer.headers["x-pilothouse-model"] == "two/m"
        assert kept.fake.requests[-1].json["previous_response_id"] == "resp_1"


async def test_an_account_that_has_forgotten_it_is_told_all(kept: Kept) -> None:
    gone = Answer(status=400, error_message="gone", error_code="previous_response_not_found")
    kept.fake.script(Answer(id="resp_1", text="One."), gone, Answer(id="resp_2"))
    await kept.ask("one/m", "First.")
    answer = await kept.ask("one/m", "Second.", previous_response_id="resp_1")
    sent = said(kept)
    assert sent.index("First.") < sent.index("One.") < sent.index("Second.")
    assert answer["previous_response_id"] == "resp_1"
    record = (await kept.running.records(2))[-1]
    assert [attempt.status for attempt in record.attempts] == [400, 200]
    assert record.outcome is Outcome.ANSWERED


async def test_another_refusal_is_the_callers(kept: Kept) -> None:
    kept.fake.script(Answer(id="resp_1"), "400")
    await kept.ask("one/m", "First.")
    assert (await refused(kept, model="one/m", previous_response_id="resp_1"))[0] == 400
    assert kept.fake.hits == 2


async def test_an_account_that_does_not_say_that_it_keeps_is_told_all(kept: Kept) -> None:
    document = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": []}
    kept.fake.script(Answer(body=msgspec.json.encode(document).decode()), Answer(id="resp_2"))
    await kept.ask("one/m", "First.")
    await kept.ask("one/m", "Second.", previous_response_id="resp_1")
    assert [item["content"] for item in kept.fake.requests[-1].json["input"]] == ["First.", "Second."]


@pytest.mark.parametrize("account", ["one", *ELSEWHERE])
async def test_results_of_tools_find_their_calls(kept: Kept, account: str) -> None:
    kept.fake.script({"text": "", "tool_calls": [ToolCall(name="get", arguments='{"a":1}')]}, {"text": "Done."})
    first = await kept.ask("claude/m", "Go.", tools=[TOOL])
    call = next(item for item in first["output"] if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "the-result"}
    await kept.ask(f"{account}/m", [result], previous_response_id=first["id"], tools=[TOOL])
    sent = said(kept)
    assert sent.index("Go.") < sent.index(call["call_id"]) < sent.index("the-result")


@pytest.mark.parametrize(("account", "sealed"), [("claude", True), ("one", False), ("chat", False)])
async def test_thoughts_go_to_their_vendor_only(kept: Kept, account: str, sealed: bool) -> None:
    kept.fake.script({"reasoning": "Deep thought.", "text": "42."}, {"text": "Yes."})
    first = await kept.ask("claude/m", "Why?", reasoning={"effort": "low", "summary": "auto"})
    assert any(item["type"] == "reasoning" for item in first["output"])
    await kept.ask(f"{account}/m", "Sure?", previous_response_id=first["id"], reasoning={"effort": "low"})
    assert ('"signature"' in said(kept)) is sealed
    assert "pilothouse:" not in said(kept)
    assert account != "one" or "Deep thought." not in said(kept)


@pytest.mark.parametrize(("account", "back"), [("one", True), ("two", False)])
async def test_a_sealed_thought_goes_back_to_the_account_that_sealed_it(kept: Kept, account: str, back: bool) -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "SEALED"},
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "Hm."}]},
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "n", "arguments": "{", "status": "incomplete"},
    ]
    document = {"id": "resp_1", "object": "response", "status": "incomplete", "model": "m", "output": output}
    kept.fake.script(Answer(body=msgspec.json.encode(document).decode()), Answer(id="resp_2"))
    await kept.ask("one/m", "First.")
    await kept.ask(f"{account}/m", "Second.", previous_response_id="resp_1")
    items = kept.fake.requests[-1].json["input"]
    assert [item["type"] for item in items[:-1]] == [
        "message", *(["reasoning"] if back else []), "message", "web_search_call",
    ]  # fmt: skip
    assert [item.get("id") for item in items if "id" in item] == ["ws_1"]


async def test_what_is_not_there_cannot_be_continued(kept: Kept) -> None:
    status, told = await refused(kept, previous_response_id="resp_no")
    assert (status, told["code"], told["param"]) == (400, "previous_response_not_found", "previous_response_id")
    assert told["message"] == "Previous response with id 'resp_no' not found."
    assert kept.fake.hits == 0
    first = await kept.ask("claude/m", "First.")
    second = await kept.ask("claude/m", "Second.", previous_response_id=first["id"])
    await kept.call("DELETE", first["id"])
    status, told = await refused(kept, previous_response_id=second["id"])
    assert (status, told["code"]) == (400, "previous_response_not_found")
    assert first["id"] in told["message"]


async def test_an_answer_that_is_not_kept_may_go_on_from_one_that_is(kept: Kept) -> None:
    first = await kept.ask("claude/m", "First.")
    second = await kept.ask("claude/m", "Second.", previous_response_id=first["id"], store=False)
    assert second["previous_response_id"] == first["id"]
    assert (await kept.call("GET", second["id"]))[0] == 404


async def test_a_conversation_that_has_grown_too_long(tmp_path: Path) -> None:
    async with keeping(tmp_path, max_body_bytes=3000) as kept:
        first = await kept.ask("claude/m", "a" * 1200)
        second = await kept.ask("claude/m", "b" * 200, previous_response_id=first["id"])
        status, told = await refused(kept, previous_response_id=second["id"], input="c" * 1500)
    assert (status, told["param"]) == (400, "previous_response_id")
    assert "too long" in told["message"]


async def test_a_conversation_of_the_vendors_is_refused_elsewhere(kept: Kept) -> None:
    status, told = await refused(kept, conversation="conv_1")
    assert (status, told["param"]) == (400, "conversation")


@pytest.mark.parametrize("fields", [{"previous_response_id": 5}, {"store": "yes"}, {"background": 1}])
async def test_fields_of_another_kind(kept: Kept, fields: dict[str, Any]) -> None:
    status, told = await refused(kept, **fields)
    assert (status, told["param"]) == (400, next(iter(fields)))
