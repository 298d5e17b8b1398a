"""Prompts: versions never change, labels move, and a number is given once."""

import pytest

from pilothouse.domain.prompt import PromptKind, compiled, variables
from pilothouse.errors import Conflict, InvalidRequest, NotFound
from pilothouse.registry.prompts import NewPromptVersion, PromptChange, Prompts
from pilothouse.registry.registry import Registry
from pilothouse.store.metadata.prompts import PromptFilter


async def test_versions_labels_and_latest(prompts: Prompts, project: str, registry: Registry) -> None:
    first = await prompts.create_version(
        NewPromptVersion(
            project_id=project, name="team/greet", content="Hi {{name}}", labels=["production"], tags=["a"]
        ),
        actor="test",
    )
    second = await prompts.create_version(
        NewPromptVersion(project_id=project, name="team/greet", content="Hello {{name}}", config={"t": 1}),
        actor="key:1",
    )
    assert (first.version.number, first.labels) == (1, ("latest", "production"))
    assert (second.version.number, second.labels, second.prompt.tags) == (2, ("latest",), ("a",))
    assert second.version.parent == first.version.digest
    assert (await prompts.version(project, "team/greet")).version.number == 1
    assert (await prompts.version(project, first.prompt.id, "latest")).version.content == "Hello {{name}}"
    assert (await prompts.version(project, "team/greet", second.version.digest[:8])).version.number == 2
    moved = await prompts.put_labels(project, "team/greet", 2, ["production", "latest"], actor="test")
    assert moved.labels == ("latest", "production")
    assert (await prompts.version(project, "team/greet", 1)).labels == ()
    only = await prompts.put_labels(project, "team/greet", 2, ["staging"], only=True, actor="test")
    assert only.labels == ("latest", "staging")
    (listed,), total = await prompts.page(PromptFilter(project_id=project, part="GREET", tag="a", label="staging"))
    assert (listed.numbers, listed.labels, total) == ([1, 2], {"staging": 2, "latest": 2}, 1)
    assert (await prompts.page(PromptFilter(project_id=project, tag="none")))[1] == 0
    actions = [entry.action for entry in await registry.list_audit()]
    assert actions[:4] == ["prompt.label", "prompt.label", "prompt.version", "prompt.version"]


async def test_a_number_is_given_once_and_the_prompt_goes_with_its_last_version(prompts: Prompts, project: str) -> None:
    for text in ("a", "b"):
        await prompts.create_version(NewPromptVersion(project_id=project, name="p", content=text), actor="test")
    await prompts.delete(project, "p", 2, actor="test")
    assert (await prompts.version(project, "p", "latest")).version.number == 1
    third = await prompts.create_version(NewPromptVersion(project_id=project, name="p", content="c"), actor="test")
    assert third.version.number == 3
    await prompts.delete(project, "p", 1, actor="test")
    await prompts.delete(project, "p", 3, actor="test")
    with pytest.raises(NotFound):
        await prompts.get(project, "p")


async def test_what_is_refused(prompts: Prompts, project: str) -> None:
    new = NewPromptVersion(project_id=project, name="p", content="a")
    await prompts.create_version(new, actor="test")
    chat = [{"role": "user", "content": "hi"}]
    for bad in (
        NewPromptVersion(project_id=project, name="p", content=chat),
        NewPromptVersion(project_id=project, name="q", content=[]),
        NewPromptVersion(project_id=project, name="q", content=[{"content": "no role"}]),
        NewPromptVersion(project_id=project, name="q", content=5),
        NewPromptVersion(project_id=project, name="/q", content="a"),
        NewPromptVersion(project_id=project, name="q", content="a", labels=["No Label"]),
    ):
        with pytest.raises(InvalidRequest):
            await prompts.create_version(bad, actor="test")
    for clash in (
        NewPromptVersion(project_id=project, name="p", content="a", refuse_same=True),
        NewPromptVersion(project_id=project, name="p", content="b", parent="0" * 64),
    ):
        with pytest.raises(Conflict):
            await prompts.create_version(clash, actor="test")
    with pytest.raises(Conflict):
        await prompts.create(project, "p", PromptKind.TEXT, PromptChange(), actor="test")
    for which in (7, "production", "deadbeef"):
        with pytest.raises(NotFound):
            await prompts.version(project, "p", which)
    with pytest.raises(NotFound):
        await prompts.version("another", "p", 1)


def test_variables_are_filled_and_placeholders_give_way_to_messages() -> None:
    chat = [
        {"role": "system", "content": "You are {{ who }}."},
        {"type": "placeholder", "name": "history"},
        {"role": "user", "content": "{{question}} {{unknown}}"},
    ]
    assert variables(chat) == ("who", "history", "question", "unknown")
    said = [{"role": "assistant", "content": "{{who}}"}]
    assert compiled(chat, {"who": "kind", "history": said, "question": "{{who}}?"}) == [
        {"role": "system", "content": "You are kind."},
        {"role": "assistant", "content": "{{who}}"},
        {"role": "user", "content": "{{who}}? {{unknown}}"},
    ]
    assert compiled("a {{b}} {{ c }}", {"b": 1}) == "a 1 {{ c }}"


async def test_a_digest_that_begins_with_decimal_digits_is_no_number(prompts: Prompts, project: str) -> None:
    for number in range(2000):
        made = await prompts.create_version(
            NewPromptVersion(project_id=project, name="p", content=str(number)), actor="test"
        )
        if made.version.digest[:7].isdecimal():
            break
    assert made.version.digest[:7].isdecimal()
    found = await prompts.version(project, "p", made.version.digest[:7])
    assert found.version.number == made.version.number
    assert (await prompts.version(project, "p", "1")).version.content == "0"
    with pytest.raises(NotFound):
        await prompts.version(project, "p", "99999999")
