"""What models can do: a small table of families, the first pattern that fits wins."""

from fnmatch import fnmatchcase
from functools import lru_cache

from pilothouse.domain.facts import ModelFacts, ThinkingStyle

_PICTURES = frozenset({"text", "image", "document"})
_ALL_MEDIA = frozenset({"text", "image", "document", "audio", "video"})

_CLAUDE_NEW = ModelFacts(
    default_output_tokens=32_000, thinking=ThinkingStyle.ADAPTIVE, inputs=_PICTURES, sampling=False, prefill=False
)
_CLAUDE_4 = ModelFacts(
    default_output_tokens=32_000, thinking=ThinkingStyle.BUDGET, inputs=_PICTURES, schema_output=False
)
_CLAUDE_3 = ModelFacts(default_output_tokens=4096, thinking=ThinkingStyle.NONE, inputs=_PICTURES, schema_output=False)

ROWS: tuple[tuple[str, ModelFacts], ...] = (
    ("*claude-3-7*", ModelFacts(
        default_output_tokens=32_000, thinking=ThinkingStyle.BUDGET, inputs=_PICTURES, schema_output=False
    )),
    ("*claude-3*", _CLAUDE_3),
    ("*claude-*4-5*", ModelFacts(default_output_tokens=32_000, thinking=ThinkingStyle.BUDGET, inputs=_PICTURES)),
    ("*claude-*-4-6*", ModelFacts(default_output_tokens=32_000, thinking=ThinkingStyle.ADAPTIVE, inputs=_PICTURES)),
    ("*claude-opus-4-1*", ModelFacts(default_output_tokens=32_000, thinking=ThinkingStyle.BUDGET, inputs=_PICTURES)),
    ("*claude-*-4-[789]*", _CLAUDE_NEW),
    ("*claude-*-[5-9]*", _CLAUDE_NEW),
    ("*claude*-4*", _CLAUDE_4),
    ("*claude*", ModelFacts(default_output_tokens=8192, inputs=_PICTURES)),
    ("*gemini-3*", ModelFacts(thinking=ThinkingStyle.LEVEL, inputs=_ALL_MEDIA)),
    ("*gemini-2.5*", ModelFacts(thinking=ThinkingStyle.BUDGET, inputs=_ALL_MEDIA)),
    ("*gemini*", ModelFacts(thinking=ThinkingStyle.NONE, inputs=_ALL_MEDIA)),
    ("*gpt-5*", ModelFacts(thinking=ThinkingStyle.EFFORT, top_k=False)),
    ("*gpt-4*", ModelFacts(thinking=ThinkingStyle.NONE, top_k=False)),
    ("o[1-9]*", ModelFacts(thinking=ThinkingStyle.EFFORT, sampling=False, top_k=False)),
)  # fmt: skip
"""Patterns of model names in lower case. Only what decides how a request is written stands here."""

_UNKNOWN = ModelFacts()


@lru_cache(maxsize=4096)
def facts(model: str) -> ModelFacts:
    """Return what is known of a model; of an unknown one nothing is refused."""
    name = model.lower().rpartition("/")[2]
    return next((found for pattern, found in ROWS if fnmatchcase(name, pattern)), _UNKNOWN)
