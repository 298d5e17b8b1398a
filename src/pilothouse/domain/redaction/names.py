"""Names of fields and attributes: which rule a name falls under, and which part of a record it belongs to."""

import re
from fnmatch import translate

from pilothouse.domain.redaction.policy import Action, Part, Policy

_REMEMBERED = 8192
_DOCUMENTS = ("document", "documents", "*.documents", "retrieval.documents.*", "*_documents.*")

_PLAIN = re.compile(
    r"(?:tokens?|cost|mime_type|mimetype|version|name|id|key|model|reasons?|tier|schema|role|type|count|index)$"
)
"""Ends of names that tell about a text and hold none."""
_WORDS: dict[Part, tuple[str, ...]] = {
    Part.INPUT: (
        "input", "prompt", "message", "question", "query", "argument", "args", "parameter", "instruction", "request",
        "tool.definitions", "tools",
    ),
    Part.OUTPUT: (
        "output", "completion", "message", "answer", "result", "response", "choice", "reasoning", "generated",
        "toolcalls", "tool_calls",
    ),
    # a run of LangSmith's has its metadata in there
    Part.METADATA: ("metadata", "langsmith.extra"),
    Part.EVENTS: (),
    Part.DOCUMENTS: ("document",),
    Part.ATTRIBUTES: (),
}  # fmt: skip


class FieldNames:
    """The rules over names of one policy; remembers what it has looked up."""

    def __init__(self, policy: Policy) -> None:
        rules = [(rule.name, f"field.{rule.name}", rule.action) for rule in policy.fields]
        if Part.DOCUMENTS in policy.off:
            rules += [(name, f"off.{Part.DOCUMENTS}", Action.OFF) for name in _DOCUMENTS]
        self._whole = [(_matcher(name), (said, action)) for name, said, action in rules]
        self._steps = [(_matcher(name), (said, action)) for name, said, action in rules if "." not in name]
        self._known: dict[str, tuple[str, Action] | None] = {}

    def rule_for(self, name: str) -> tuple[str, Action] | None:
        """Return the name and the action of the first rule that a name falls under."""
        if not self._whole:
            return None
        if name not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[name] = self._find(name.casefold())
        return self._known[name]

    def _find(self, name: str) -> tuple[str, Action] | None:
        for pattern, found in self._whole:
            if pattern.match(name):
                return found
        steps = name.split(".")
        for pattern, found in self._steps:
            if any(pattern.match(step) for step in steps):
                return found
        return None


def part_of(name: str, off: frozenset[Part]) -> Part | None:
    """Return which of the parts that are left out a text under this name belongs to; rather one too many."""
    lowered = name.lower()
    if _PLAIN.search(lowered):
        return None
    return next((part for part in Part if part in off and any(word in lowered for word in _WORDS[part])), None)


def _matcher(name: str) -> re.Pattern[str]:
    # runs of stars would make matching slow, and mean what one means
    return re.compile(translate(re.sub(r"\*+", "*", name.casefold().replace("[", "[[]"))))
