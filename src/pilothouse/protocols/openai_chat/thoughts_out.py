"""Thoughts of the past that a chat server takes back: those that nobody signed, in the field that it reads."""

from typing import Any

from pilothouse.domain.chat import Message, Reasoning, Role, ToolCall, ToolResult
from pilothouse.domain.facts import ModelFacts, ThoughtsField, ThoughtsOf


class Thoughts:
    """Says which thoughts of a conversation go back to a model, and how."""

    def __init__(self, messages: tuple[Message, ...], facts: ModelFacts) -> None:
        self._field = facts.thoughts
        self._turns = frozenset[int]()
        if self._field is not ThoughtsField.NONE:
            self._turns = _turns(messages, facts.thoughts_of)

    def takes(self, number: int, part: Reasoning) -> bool:
        """Return whether a thought of the turn goes back."""
        return number in self._turns and not part.signature and not part.redacted and bool(said(part))

    def why_not(self, part: Reasoning) -> str:
        """Return why a thought does not go back."""
        if part.signature or part.redacted:
            return f"chat has no place for thoughts that {part.vendor or 'a vendor'} signed"
        if self._field is ThoughtsField.NONE:
            return "chat has no place for thoughts of the past"
        return "the model takes back thoughts of the present round of tools only"

    def fields(self, number: int, parts: tuple[Reasoning, ...]) -> dict[str, Any]:
        """Return the field of a turn with those that go back, none where there are none."""
        texts = [said(part) for part in parts if self.takes(number, part)]
        if not texts:
            return {}
        if self._field is ThoughtsField.DETAILS:
            return {str(self._field): [_detail(place, text) for place, text in enumerate(texts)]}
        return {str(self._field): "".join(texts)}


def said(part: Reasoning) -> str:
    """Return what a thought says."""
    return part.text or "\n\n".join(part.summary)


def _detail(place: int, text: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": text, "format": "unknown", "index": place}


def _turns(messages: tuple[Message, ...], which: ThoughtsOf) -> frozenset[int]:
    rounds: list[list[int]] = [[]]
    for number, message in enumerate(messages):
        if message.role is Role.ASSISTANT:
            rounds[-1].append(number)
        elif message.role is Role.USER and not all(isinstance(part, ToolResult) for part in message.parts):
            rounds.append([])
    if which is ThoughtsOf.ROUND:
        rounds = rounds[-1:]
    elif which is ThoughtsOf.TOOLS:
        rounds = [
            turns
            for turns in rounds
            if any(isinstance(part, ToolCall) for number in turns for part in messages[number].parts)
        ]
    return frozenset(number for turns in rounds for number in turns)
