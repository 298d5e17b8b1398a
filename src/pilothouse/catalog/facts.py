"""What models can do: tables of facts by name and kind of provider, with their sources, in `facts.toml`.

The operator's own tables come before them, in the file of prices.
"""

import tomllib
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files

import msgspec

from pilothouse.domain.facts import ModelFacts, ThinkingStyle, ThoughtsField, ThoughtsOf

_INPUTS = frozenset({"text", "image", "document", "audio", "video"})
_ABOUT = frozenset({"model", "provider", "account", "source", "on"})
Patterns = str | tuple[str, ...]


class FactsRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[facts]]` table: for which models it holds, and what it says of them; None where it says nothing."""

    model: Patterns
    """Patterns of names in lower case, without what stands before the last slash."""
    provider: Patterns = "*"
    account: Patterns = "*"
    source: str = ""
    """Where it was read."""
    on: date | None = None
    """When."""
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    default_output_tokens: int | None = None
    sampling: bool | None = None
    top_k: bool | None = None
    thinking: ThinkingStyle | None = None
    tools: bool | None = None
    schema_output: bool | None = None
    inputs: frozenset[str] | None = None
    mid_system: bool | None = None
    prefill: bool | None = None
    thoughts: ThoughtsField | None = None
    thoughts_of: ThoughtsOf | None = None

    def fits(self, provider: str, model: str, account: str) -> bool:
        """Return whether the model, its name in lower case, is one of those it is for."""
        return _any(self.provider, provider) and _any(self.account, account) and _any(self.model, model)

    def said(self) -> dict[str, object]:
        """Return what it says."""
        return {
            name: value
            for name in self.__struct_fields__
            if name not in _ABOUT and (value := getattr(self, name)) is not None
        }

    def problem(self) -> str:
        """Return what is wrong with it; empty when nothing is."""
        unknown = sorted((self.inputs or frozenset()) - _INPUTS)
        if unknown:
            return f"inputs knows no {unknown[0]!r}; there are: {', '.join(sorted(_INPUTS))}"
        return "" if self.said() else "says nothing of the model"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    facts: tuple[FactsRow, ...]


class Facts:
    """Answers what is known of a model: by the operator's own tables first, then by ours; safe from any thread."""

    def __init__(self, own: tuple[FactsRow, ...] = ()) -> None:
        self._rows = (*own, *built_in())
        self.of = lru_cache(maxsize=4096)(self._find)
        """`of(provider, model, account)` returns what is known; of an unknown model nothing is refused."""

    def _find(self, provider: str, model: str, account: str = "") -> ModelFacts:
        name, said = model.lower().rpartition("/")[2], dict[str, object]()
        for row in self._rows:
            if row.fits(provider, name, account):
                said = row.said() | said
        return msgspec.structs.replace(_UNKNOWN, **said)


_UNKNOWN = ModelFacts()


@cache
def built_in() -> tuple[FactsRow, ...]:
    """Return the tables that come with the installation."""
    text = files("pilothouse.catalog").joinpath("facts.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), _File).facts


@cache
def built_in_facts() -> Facts:
    """Return what is known without any word of the operator's."""
    return Facts()


def _any(patterns: Patterns, name: str) -> bool:
    if isinstance(patterns, str):
        return fnmatchcase(name, patterns)
    return any(fnmatchcase(name, pattern) for pattern in patterns)
