"""Prompts in an app: from the cache at once, asked for again behind its back, and a fallback when there is none."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from pilothouse import sdk
from pilothouse.domain.access import Permission
from pilothouse.registry.prompts import NewPromptVersion
from pilothouse.sdk.prompts import LIBRARY
from tests.sdk.conftest import App


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    LIBRARY.clear()
    yield
    LIBRARY.clear()


async def _make(app: App, content: object, name: str = "team/greet") -> None:
    new = NewPromptVersion(
        project_id=app.run.project.id, name=name, content=content, labels=["production"], config={"t": 1}
    )
    await app.run.parts.library.prompts.create_version(new, actor="test")


async def _behind() -> None:
    for thread in threading.enumerate():
        if thread.name == "pilothouse-prompt":
            await asyncio.to_thread(thread.join, 10)


async def test_a_prompt_is_fetched_once_and_renewed_behind(platform: App) -> None:
    await _make(platform, "Hi {{name}}")
    assert sdk.init(platform.run.url, await platform.run.key(Permission.INGEST, Permission.READ))
    try:
        first = await asyncio.to_thread(sdk.get_prompt, "team/greet")
        assert (first.number, first.compile(name="Ada"), first.config) == (1, "Hi Ada", {"t": 1})
        assert (first.variables, first.labels, first.is_fallback) == (("name",), ("latest", "production"), False)
        await _make(platform, "Hello {{name}}")
        assert sdk.get_prompt("team/greet").number == 1
        assert sdk.get_prompt("team/greet", fresh_s=0).number == 1
        await _behind()
        assert sdk.get_prompt("team/greet").number == 2
        by_number = await asyncio.to_thread(lambda: sdk.get_prompt("team/greet", version=1))
        assert by_number.content == "Hi {{name}}"
        await platform.run.parts.library.prompts.delete(platform.run.project.id, "team/greet", actor="test")
        assert sdk.get_prompt("team/greet", fresh_s=0).number == 2
        await _behind()
        assert sdk.get_prompt("team/greet").number == 2
    finally:
        await asyncio.to_thread(sdk.shutdown)


async def test_a_fallback_stands_in(app: App) -> None:
    with pytest.raises(sdk.PromptUnavailable):
        await asyncio.to_thread(sdk.get_prompt, "none")
    chat = [{"role": "user", "content": "Hi {{name}}"}]
    found = await asyncio.to_thread(lambda: sdk.get_prompt("none", fallback=chat))
    assert (found.is_fallback, found.compile(name="Ada")) == (True, [{"role": "user", "content": "Hi Ada"}])


def test_without_tracing_there_is_only_the_fallback() -> None:
    with pytest.raises(sdk.PromptUnavailable, match="init"):
        sdk.get_prompt("greet")
    assert sdk.get_prompt("greet", fallback="else").content == "else"
