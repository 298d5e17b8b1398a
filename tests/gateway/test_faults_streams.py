"""Faults of streams that were seen in other gateways, for every caller in front of every kind of provider."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from pilothouse.domain.call import Outcome
from pilothouse.errors import Retry, UpstreamHtml
from pilothouse.providers.fake.script import WIDE_TEXT
from tests.gateway.pairs import PAIRS, Calls, broke, ended, heard, house

pytestmark = pytest.mark.asyncio(loop_scope="module")

FAILED = (502, 503, 529)
"""Each dialect has its own status for a provider that failed or is overloaded."""
OVERLOADED = {"chunks": 10, "error_type": "overloaded_error", "error_message": "Overloaded.", "gap_s": 0.001}
both = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
pairs = pytest.mark.parametrize(("caller", "provider"), PAIRS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def calls(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Calls]:
    async with house(tmp_path_factory.mktemp("gateway")) as made:
        yield made


@pairs
@pytest.mark.parametrize("script", [{**OVERLOADED, "error_after": 0}, {"chunks": 10, "cut_after": 0}])
async def test_what_fails_before_content_is_no_200(
    calls: Calls, caller: str, provider: str, script: dict[str, Any]
) -> None:
    answer, record = await calls(caller, provider, script, stream=True)
    assert answer.status_code in FAILED
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()
    assert (record.outcome, record.status) == (Outcome.FAILED, answer.status_code)
    assert record.error_code == ("upstream_overloaded" if "error_after" in script else "upstream_cut")
    assert len(record.attempts) == 1


@pairs
@pytest.mark.parametrize("script", [{**OVERLOADED, "error_after": 3}, {"chunks": 10, "cut_after": 3, "gap_s": 0.001}])
async def test_what_fails_amid_content_ends_with_an_error(
    calls: Calls, caller: str, provider: str, script: dict[str, Any]
) -> None:
    answer, record = await calls(caller, provider, script, stream=True)
    assert answer.status_code == 200
    assert b"tok0" in answer.content
    assert broke(caller, answer.content)
    assert not ended(caller, answer.content)
    assert record.outcome is Outcome.CUT
    assert record.error_code == ("upstream_overloaded" if "error_after" in script else "upstream_cut")


@pairs
@both
async def test_a_web_page_is_no_answer(calls: Calls, caller: str, provider: str, *, stream: bool) -> None:
    answer, record = await calls(caller, provider, "html-200", stream=stream)
    assert answer.status_code in FAILED
    assert answer.json()
    assert record.error_code == UpstreamHtml.code
    assert UpstreamHtml.retry is Retry.TRANSIENT
    assert record.outcome is Outcome.FAILED


@pairs
async def test_characters_that_are_cut_in_two_arrive_whole(calls: Calls, caller: str, provider: str) -> None:
    script = {"text": WIDE_TEXT, "split_utf8": True}
    answer, record = await calls(caller, provider, script, stream=True)
    assert heard(caller, answer.content, stream=True).text == WIDE_TEXT
    assert ended(caller, answer.content)
    assert not broke(caller, answer.content)
    assert record.outcome is Outcome.ANSWERED
