"""Abilities: known, known not to be, and not known are three things."""

import pytest

from pilothouse.catalog.abilities import FLAGS, UNKNOWN, Abilities, Task, in_common
from pilothouse.catalog.abilities import abilities as abilities_by
from pilothouse.catalog.facts import built_in_facts
from pilothouse.domain.facts import ModelFacts, ThinkingStyle

NAMES = (
    "gpt-5.5", "gpt-4o-mini", "gpt-3.5-turbo", "o3", "o3-mini", "claude-opus-4-8", "claude-sonnet-4-5-20250929",
    "claude-3-5-haiku-latest", "eu.anthropic.claude-sonnet-4-20250514-v1:0", "gemini-3-pro", "gemini-2.5-flash",
    "text-embedding-3-small", "gemini-embedding-001", "smollm2-135m", "acme-9000", "meta-llama/Llama-3.3-70B-Instruct",
)  # fmt: skip


def facts(name: str) -> ModelFacts:
    return built_in_facts().of("", name)


def abilities(name: str) -> Abilities:
    return abilities_by(name, facts(name))


@pytest.mark.parametrize("name", NAMES)
def test_what_translation_goes_by_is_never_contradicted(name: str) -> None:
    known, told = facts(name), abilities(name)
    if told.task is not Task.CHAT:
        return
    if known.thinking is not None:
        assert told.thinking is (known.thinking is not ThinkingStyle.NONE)
    if known.inputs is not None:
        assert (told.images, told.audio) == ("image" in known.inputs, "audio" in known.inputs)
    if not known.schema_output:
        assert told.structured_output is False


def test_an_unknown_model_is_not_told_what_it_cannot_do() -> None:
    assert abilities("acme-9000") == UNKNOWN


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("openai/gpt-5.5", "tools structured_output thinking images", "audio"),
        ("gpt-4o", "tools structured_output images", "thinking"),
        ("o1-mini", "thinking", "tools structured_output"),
        ("CLAUDE-OPUS-4-8", "tools structured_output thinking documents", "video"),
        ("anthropic/claude-sonnet-4-20250514", "tools thinking", "structured_output"),
        ("gemini-2.5-pro", "tools thinking audio video", ""),
        ("qwen3-32b", "tools", ""),
    ],
)
def test_families_that_everybody_knows(name: str, yes: str, no: str) -> None:
    told = abilities(name)
    assert told.task is Task.CHAT
    assert [flag for flag in yes.split() if getattr(told, flag) is not True] == []
    assert [flag for flag in no.split() if getattr(told, flag) is not False] == []


@pytest.mark.parametrize(
    ("name", "task"),
    [("text-embedding-3-large", Task.EMBEDDING), ("rerank-v3.5", Task.RERANK), ("whisper-1", Task.TRANSCRIPTION),
     ("gpt-4o-mini-tts", Task.SPEECH), ("gpt-4o-transcribe", Task.TRANSCRIPTION), ("dall-e-3", Task.IMAGE),
     ("omni-moderation-latest", Task.MODERATION), ("gemini-2.5-flash-preview-tts", Task.SPEECH)],
)  # fmt: skip
def test_models_for_other_tasks_do_not_chat(name: str, task: Task) -> None:
    assert (abilities(name).task, abilities(name).tools) == (task, False)


def test_of_several_models_the_weakest_counts() -> None:
    shared = in_common([abilities("gpt-5.5"), abilities("claude-sonnet-4-20250514")])
    assert (shared.tools, shared.structured_output, shared.task) == (True, False, Task.CHAT)
    unsure = in_common([abilities("gpt-5.5"), abilities("acme-9000")])
    assert (unsure.tools, unsure.audio, unsure.task) == (None, False, None)
    assert in_common([]) == UNKNOWN
    assert in_common([abilities("gpt-5.5")]) == abilities("gpt-5.5")
    assert set(FLAGS) == {"tools", "structured_output", "thinking", "images", "documents", "audio", "video"}


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("claude-opus-4-8", True), ("claude-opus-4-8@20260528", True), ("anthropic/claude-opus-5", True),
        ("claude-opus-5-5-20261001", True), ("claude-sonnet-5-5", True), ("claude-haiku-5-5", True),
        ("claude-fable-5-2", True), ("claude-mythos-5", True), ("claude-opus-4-7", False), ("claude-sonnet-5", False),
        ("claude-sonnet-5-20260630", False), ("claude-sonnet-4-6", False), ("claude-haiku-4-5-20251001", False),
        ("claude-3-5-sonnet-20241022", False), ("eu.anthropic.claude-opus-5-20260724-v1:0", False), ("gpt-5.5", False),
    ],
)  # fmt: skip
def test_only_the_newest_claudes_take_system_messages_between_turns(name: str, *, taken: bool) -> None:
    assert facts(name).mid_system is taken
    assert facts(name).thinking is not ThinkingStyle.NONE or not taken
