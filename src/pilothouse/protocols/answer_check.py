"""Whether an answer keeps to the caller's own schema, where the target was not held to all of it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import jsonschema_rs
import msgspec

from pilothouse.domain.chat import (
    BlockStarted,
    ChatReply,
    Choice,
    Event,
    Finished,
    Refusal,
    StopReason,
    Text,
    TextDelta,
)
from pilothouse.domain.chat.parts import Part
from pilothouse.errors import AnswerOffSchema
from pilothouse.protocols import loose
from pilothouse.protocols.schema_cost import Counter, Uncountable, size

_MOST_CHECKS = 2_000_000
"""Over a whole answer: some 20 ms, in which nothing else runs."""
_EXPLAINED_CHECKS = 5_000
"""Saying why costs many times more than finding that."""
_MOST_NESTING = 10_000
_SHOWN_CHARS = 200
_WHOLE = frozenset({StopReason.END, StopReason.UNKNOWN})
"""An answer that was cut off, refused or left for a tool is not the one that was asked for, and is not checked."""
_LINEAR = jsonschema_rs.RegexOptions()
"""Patterns come from callers: this engine cannot be made to go back and forth over a text."""


class Verdict(StrEnum):
    """What came of the check."""

    NONE = ""
    """There was no whole answer to check."""
    KEPT = "kept"
    BROKEN = "broken"
    UNCHECKED = "unchecked"
    """The schema cannot be checked here: it is not valid, refers to another place, or would take too long."""


class AnswerCheck:
    """The check of one call's answers; of several the worst counts."""

    def __init__(self, schema: dict[str, Any], *, refuses: bool) -> None:
        self.verdict = Verdict.NONE
        self.reason = ""
        """Why the verdict is broken or unchecked, in words."""
        self._schema = schema
        self._refuses = refuses

    @property
    def told(self) -> str:
        """The verdict, with its reason."""
        return f"{self.verdict}: {self.reason}" if self.reason else str(self.verdict)

    @property
    def refusal(self) -> AnswerOffSchema | None:
        """The error to end the call with; None when the answer may go out."""
        if self.verdict is not Verdict.BROKEN or not self._refuses:
            return None
        return AnswerOffSchema(f"the answer does not keep to the schema: {self.reason}", upstream_status=200)

    def reply(self, reply: ChatReply) -> None:
        """Check the choices of an answer that came whole."""
        for choice in reply.choices:
            self.choice(choice)

    def choice(self, choice: Choice) -> None:
        """Check one of the answers."""
        if choice.stop in _WHOLE and not any(isinstance(part, Refusal) for part in choice.parts):
            self._take(*self._judge(_text(choice.parts)))

    def _take(self, verdict: Verdict, reason: str = "") -> None:
        if self.verdict is not Verdict.BROKEN and (verdict is not Verdict.KEPT or self.verdict is Verdict.NONE):
            self.verdict, self.reason = verdict, reason

    def _judge(self, said: str) -> tuple[Verdict, str]:
        try:
            answer = loose.ANY.decode(said)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return Verdict.BROKEN, "it is not JSON"
        try:
            return self._fit(answer)
        except Uncountable as error:
            return Verdict.UNCHECKED, str(error)
        except ValueError as error:
            # Of the schema, since the answer's own errors are taken below; also for one too deep to be built.
            return Verdict.UNCHECKED, f"the schema cannot be used: {_short(getattr(error, 'message', str(error)))}"

    def _fit(self, answer: Any) -> tuple[Verdict, str]:
        measure = size(answer)
        cost = Counter(self._schema).cost(measure.depth)
        checks = cost.checks * measure.values
        if checks > _MOST_CHECKS or cost.nesting > _MOST_NESTING:
            return Verdict.UNCHECKED, "the schema is too much work for this answer"
        found = jsonschema_rs.validator_for(self._schema, offline=True, pattern_options=_LINEAR)
        if found.is_valid(answer):
            return Verdict.KEPT, ""
        if checks > _EXPLAINED_CHECKS:
            return Verdict.BROKEN, "it does not fit"
        try:
            found.validate(answer)
        except jsonschema_rs.ValidationError as error:
            return Verdict.BROKEN, _why(error)
        return Verdict.KEPT, ""


class Said:
    """What a streamed answer has said so far, to be checked as soon as a choice is whole."""

    def __init__(self, check: AnswerCheck) -> None:
        self._check = check
        self._choices: dict[int, int] = {}
        """Of a block."""
        self._parts: dict[int, list[Part]] = {}
        """Of a choice."""

    def hear(self, event: Event) -> AnswerOffSchema | None:
        """Take an event; returns the error to end the stream with, in place of it, when an answer is not fit."""
        if isinstance(event, BlockStarted):
            self._choices[event.block] = event.choice
            self._parts.setdefault(event.choice, []).append(event.part)
        elif isinstance(event, TextDelta):
            parts = self._parts.get(self._choices.get(event.block, 0), [])
            if not isinstance(parts[-1] if parts else None, Refusal):
                parts.append(Text(event.text))
        elif isinstance(event, Finished):
            self._check.choice(Choice(tuple(self._parts.pop(event.choice, ())), event.stop))
        return self._check.refusal


def _text(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _why(error: jsonschema_rs.ValidationError) -> str:
    place = ".".join(str(step) for step in error.instance_path)
    return _short(f"{place}: {error.message}" if place else error.message)


def _short(words: str) -> str:
    return words if len(words) <= _SHOWN_CHARS else f"{words[:_SHOWN_CHARS]}…"
