"""Prompts that are made of others: put in at reading, never in a circle."""

from typing import Any

import pytest

from pilothouse.domain.composition import Reference, references
from pilothouse.errors import InvalidRequest
from pilothouse.registry.prompts import NewPromptVersion, Prompts


def mark(name: str, which: str = "label=production") -> str:
    return f"@@@langfusePrompt:name={name}|{which}@@@"


async def put(prompts: Prompts, project: str, name: str, content: Any, *labels: str) -> int:
    new = NewPromptVersion(project_id=project, name=name, content=content, labels=labels or ("production",))
    return (await prompts.create_version(new, actor="test")).version.number


async def test_what_is_named_is_put_in_when_it_is_read(prompts: Prompts, project: str) -> None:
    await put(prompts, project, "tone", "Be kind, {{name}}.")
    await put(prompts, project, "rules", f"Rules: {mark('tone')}")
    await put(prompts, project, "ask", [{"role": "system", "content": f"{mark('rules')} {mark('tone', 'version=1')}"}])
    seen, composition = await prompts.composed(project, "ask")
    assert composition.content == [{"role": "system", "content": "Rules: Be kind, {{name}}. Be kind, {{name}}."}]
    assert seen.version.content != composition.content
    needed = {key: [(one.name, one.version) for one in held] for key, held in composition.parts.items()}
    assert sorted(needed.values()) == [[("rules", 1), ("tone", 1)], [("tone", 1)]]
    await put(prompts, project, "tone", "Be brief.")
    assert "Rules: Be brief. Be kind" in str((await prompts.composed(project, "ask"))[1].content)


async def test_a_circle_is_refused_when_it_is_made(prompts: Prompts, project: str) -> None:
    await put(prompts, project, "a", "plain")
    await put(prompts, project, "b", f"b {mark('a')}")
    with pytest.raises(InvalidRequest, match="made of themselves"):
        await put(prompts, project, "a", f"a {mark('b')}")
    assert (await prompts.composed(project, "b"))[1].content == "b plain"
    # harmless until it is what `production` means
    second = await put(prompts, project, "a", f"a {mark('b')}", "staging")
    assert (await prompts.composed(project, "a", "staging"))[1].content == "a b plain"
    with pytest.raises(InvalidRequest, match="made of themselves"):
        await prompts.put_labels(project, "a", second, ["production"], actor="test")


async def test_only_texts_that_are_there_are_put_in(prompts: Prompts, project: str) -> None:
    with pytest.raises(InvalidRequest, match="missing: a 1 > nobody production"):
        await put(prompts, project, "a", mark("nobody"))
    await put(prompts, project, "chat", [{"role": "user", "content": "x"}])
    with pytest.raises(InvalidRequest, match="only a text prompt"):
        await put(prompts, project, "a", mark("chat"))
    await put(prompts, project, "part", "x")
    await put(prompts, project, "whole", mark("part"))
    await prompts.delete(project, "part", actor="test")
    with pytest.raises(InvalidRequest, match="missing"):
        await prompts.composed(project, "whole")


async def test_prompts_are_not_made_of_others_without_end(prompts: Prompts, project: str) -> None:
    await put(prompts, project, "p0", "end")
    for place in range(1, 6):
        await put(prompts, project, f"p{place}", mark(f"p{place - 1}"))
    assert (await prompts.composed(project, "p5"))[1].content == "end"
    with pytest.raises(InvalidRequest, match="5 deep"):
        await put(prompts, project, "p6", mark("p5"))


async def test_few_prompts_that_name_each_other_often_do_not_become_huge(prompts: Prompts, project: str) -> None:
    await put(prompts, project, "p0", "x" * 100)
    await put(prompts, project, "p1", mark("p0") * 300)
    await put(prompts, project, "p2", mark("p1") * 100)
    assert len((await prompts.composed(project, "p2"))[1].content) == 3_000_000
    with pytest.raises(InvalidRequest, match="5000000 characters"):
        await put(prompts, project, "p3", mark("p2") * 300)


def test_marks_without_a_name_are_plain_text() -> None:
    texts = f"{mark('a')} {mark('b', 'version=2')} @@@langfusePrompt:name=@@@ @@@langfusePrompt:x@@@ {mark('a')}"
    assert references(texts) == [Reference("a", "production"), Reference("b", 2)]
    assert references([{"role": "user", "content": mark("c", "label=")}]) == [Reference("c", "production")]
