"""What models are known to be able to do, for people who choose one: a small table of families, the first that fits.

Unlike `facts`, which decides how a request is written, nothing is refused by this table; what it does not say is not
known, which is not a no.
"""

from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec

from pilothouse.domain.facts import ModelFacts, ThinkingStyle


class Task(StrEnum):
    """What a model is for."""

    CHAT = "chat"
    EMBEDDING = "embedding"
    RERANK = "rerank"
    IMAGE = "image"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    MODERATION = "moderation"


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What one model can do; None where it is not known."""

    task: Task | None
    tools: bool | None
    """Calls functions."""
    structured_output: bool | None
    """Takes a JSON schema for its answer; without it a forced tool stands in."""
    thinking: bool | None
    """Reasons before it answers, and can be told how much."""
    images: bool | None
    """Reads images."""
    documents: bool | None
    """Reads documents such as PDF."""
    audio: bool | None
    """Hears sound."""
    video: bool | None
    """Sees video."""


FLAGS = tuple(name for name in Abilities.__struct_fields__ if name != "task")


def _known(task: Task | None, can: str = "", cannot: str = "") -> Abilities:
    flags = {**dict.fromkeys(FLAGS), **dict.fromkeys(can.split(), True), **dict.fromkeys(cannot.split(), False)}
    return Abilities(task=task, **flags)


def _chat(can: str, cannot: str = "") -> Abilities:
    return _known(Task.CHAT, can, cannot)


def _only(task: Task) -> Abilities:
    return _known(task, cannot="tools structured_output thinking")


UNKNOWN = _known(None)
"""Of a model that nothing is known about."""
_GPT = _chat("tools structured_output images documents", "audio video")
_CLAUDE = _chat("tools images documents", "audio video")

ROWS: tuple[tuple[str, Abilities], ...] = (
    ("*rerank*", _only(Task.RERANK)),
    ("*embed*", _only(Task.EMBEDDING)),
    ("voyage-*", _only(Task.EMBEDDING)),
    ("bge-*", _only(Task.EMBEDDING)),
    ("*moderation*", _only(Task.MODERATION)),
    ("whisper*", _only(Task.TRANSCRIPTION)),
    ("*transcribe*", _only(Task.TRANSCRIPTION)),
    ("tts-*", _only(Task.SPEECH)),
    ("*-tts*", _only(Task.SPEECH)),
    ("dall-e-*", _only(Task.IMAGE)),
    ("gpt-image-*", _only(Task.IMAGE)),
    ("imagen-*", _only(Task.IMAGE)),
    ("flux*", _only(Task.IMAGE)),
    ("stable-diffusion*", _only(Task.IMAGE)),
    # Variants that differ from their family in more than is known here.
    ("gpt-*-audio*", _chat("audio")),
    ("gpt-*-realtime*", _known(None, "audio")),
    ("gpt-*-search*", _chat("")),
    ("gpt-5*chat*", _chat("images")),
    ("gemini-*-image*", _known(None, "images")),
    ("gpt-5*", _GPT),
    ("gpt-4.1*", _GPT),
    ("gpt-4o*", _GPT),
    ("gpt-4-turbo*", _chat("tools images", "structured_output audio video")),
    ("gpt-3.5-turbo*", _chat("tools", "structured_output thinking images documents audio video")),
    ("o1-mini*", _chat("thinking", "tools structured_output images documents audio video")),
    ("o1-preview*", _chat("thinking", "tools structured_output images documents audio video")),
    ("o3-mini*", _chat("tools structured_output thinking", "images audio video")),
    ("o[134]*", _chat("tools structured_output thinking images documents", "audio video")),
    ("gpt-oss*", _chat("tools thinking", "images documents audio video")),
    ("*claude-*-4-[5-9]*", _chat("tools structured_output images documents", "audio video")),
    ("*claude-*-[5-9]*", _chat("tools structured_output images documents", "audio video")),
    ("*claude-[34]*", _CLAUDE),
    ("*claude-*-4*", _CLAUDE),
    ("gemini-*", _chat("tools structured_output images documents audio video")),
    ("pixtral*", _chat("tools structured_output images", "thinking audio video")),
    ("mistral-*", _chat("tools structured_output")),
    ("ministral-*", _chat("tools structured_output")),
    ("magistral-*", _chat("tools thinking")),
    ("codestral-*", _chat("structured_output", "images audio video")),
    ("deepseek-chat*", _chat("tools", "structured_output images audio video")),
    ("deepseek-reasoner*", _chat("thinking", "structured_output images audio video")),
    ("deepseek-r1*", _chat("thinking", "images audio video")),
    ("llama-4*", _chat("tools images", "thinking audio video")),
    ("*llama-3.2-*vision*", _chat("images", "thinking audio video")),
    ("*llama-3.[13]*", _chat("tools", "thinking images audio video")),
    ("qwen*-vl*", _chat("images")),
    ("qwen3*", _chat("tools")),
    ("qwen2.5-*", _chat("tools", "thinking")),
    ("qwq*", _chat("thinking", "images audio video")),
    ("grok-4*", _chat("tools structured_output thinking images", "audio video")),
    ("grok-3*", _chat("tools structured_output", "images audio video")),
    ("command-a*", _chat("tools structured_output", "audio video")),
    ("command-r*", _chat("tools structured_output", "thinking images audio video")),
    ("sonar*", _chat("structured_output images", "tools audio video")),
    ("smollm2*", _chat("", "tools thinking images documents audio video")),
)
"""Patterns of model names in lower case, without the part before the last slash."""

_INPUTS = {"images": "image", "documents": "document", "audio": "audio", "video": "video"}


@lru_cache(maxsize=4096)
def abilities(model: str, known: ModelFacts) -> Abilities:
    """Return what is known of a model; what translation goes by, `known`, is never contradicted."""
    name = model.lower().rpartition("/")[2]
    found = next((row for pattern, row in ROWS if fnmatchcase(name, pattern)), UNKNOWN)
    if found.task not in {None, Task.CHAT}:
        return found
    changes: dict[str, bool] = {}
    if known.thinking is not None:
        changes["thinking"] = known.thinking is not ThinkingStyle.NONE
    if known.inputs is not None:
        changes |= {flag: kind in known.inputs for flag, kind in _INPUTS.items()}
    if not known.tools:
        changes["tools"] = False
    if not known.schema_output:
        changes["structured_output"] = False
    return msgspec.structs.replace(found, **changes)


def in_common(all_of: list[Abilities]) -> Abilities:
    """Return what one may count on whichever of the models answers: a no of one is a no, else a gap of one a gap."""
    shared = {flag: _all([getattr(one, flag) for one in all_of]) for flag in FLAGS}
    tasks = {one.task for one in all_of}
    return Abilities(task=tasks.pop() if len(tasks) == 1 else None, **shared)


def _all(values: list[bool | None]) -> bool | None:
    if False in values:
        return False
    return True if values and None not in values else None
