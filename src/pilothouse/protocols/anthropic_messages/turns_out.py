"""The messages of a request as the turns that Anthropic takes."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, Message, Part, Role
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose, turns
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.anthropic_messages.blocks_out import BlockWriter
from pilothouse.protocols.turns import Group

_THOUGHTS = ("thinking", "redacted_thinking")


class Turns(turns.Turns):
    """Writes the messages of one request."""

    title = "Anthropic"

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: BlockWriter) -> None:
        super().__init__(request, facts, own=request.dialect == wire.NAME)
        self._writer = writer

    def write(self) -> list[dict[str, Any]]:
        """Return the turns; the system messages before the first of them are in `system` then."""
        self.build()
        return [
            {"role": turn.role, "content": turn.blocks(self.result_id), **turn.more}
            for turn in self.turns
            if turn.groups
        ]

    @property
    def thoughtless_call(self) -> bool:
        """Whether the last turn of the model calls a tool without a thought before it."""
        answers = [turn for turn in self.turns if turn.role == "assistant"]
        return bool(answers) and bool(answers[-1].ids(self.call_id)) and not _is_thought(answers[-1].groups[0])

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note something that the target has no place for."""
        self._writer.lose(field, reason, essential=essential)

    def lead(self, message: Message, place: int) -> None:
        """Add a system message before the first turn to `system`."""
        for [block] in self.groups(message, place):
            if block["type"] == "text":
                self.system.append(block)
            else:
                self.lose(f"messages.{place}.content", "a system message holds text only", essential=True)

    def groups(self, message: Message, place: int) -> list[Group]:
        """Return the groups of a message; thoughts first, where the caller's dialect has lost their place.

        A message that begins with a thought is in the order in which Claude signed it.
        """
        found = super().groups(message, place)
        if message.role is not Role.ASSISTANT or self._own or not found or _is_thought(found[0]):
            return found
        thoughts = [group for group in found if _is_thought(group)]
        return [*thoughts, *(group for group in found if not _is_thought(group))]

    def speak(self, message: Message, place: int) -> None:
        """Add what the user, the model or a tool says."""
        super().speak(message, place)
        if message.extra is not None and self.turns:
            self.turns[-1].more |= wire.fields_of(message.extra)

    def group(self, part: Part, path: str) -> Group:
        """Return a part's block alone, nothing when it is left out."""
        block = self._writer.block(part, path)
        return [] if block is None else [block]

    def text(self, said: str) -> Group:
        """Return text as a group."""
        return [{"type": "text", "text": loose.clean(said)}]

    def call_id(self, group: Group) -> str | None:
        """Return the id of a call of the caller's own tool, None when the group is none."""
        return group[0]["id"] if group[0]["type"] == "tool_use" else None

    def result_id(self, group: Group) -> str | None:
        """Return the id of the call that the group answers, None when it is no result."""
        return group[0]["tool_use_id"] if group[0]["type"] == "tool_result" else None

    def failed(self, call_id: str, said: str) -> Group:
        """Return the failed result of a call that has none."""
        return [{"type": "tool_result", "tool_use_id": call_id, "content": said, "is_error": True}]

    def shown(self, result: Group) -> list[Group]:
        """Return what a result without its call holds, as plain content."""
        return [[inner] for inner in result[0].get("content", ()) if inner["type"] != "tool_reference"]


def _is_thought(group: Group) -> bool:
    return group[0]["type"] in _THOUGHTS
