"""The messages of a request as the turns that Anthropic takes: user and assistant, each after the other."""

from typing import Any, TypeAlias

from pilothouse.domain.chat import ChatRequest, Message, Role, Text
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.anthropic_messages.blocks_out import BlockWriter

Block: TypeAlias = dict[str, Any]

_SYSTEM = (Role.SYSTEM, Role.DEVELOPER)
_THOUGHTS = ("thinking", "redacted_thinking")
_MISSING = "The tool gave no result."
_OPENING = "."
"""What a conversation begins with that the caller lets the model begin; Anthropic takes none that does."""


class Turn:
    """One turn."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.blocks: list[Block] = []
        self.more: dict[str, Any] = {}

    def ids(self, kind: str, key: str) -> list[str]:
        """Return the ids of the blocks of a kind."""
        return [block[key] for block in self.blocks if block["type"] == kind]

    def calls(self) -> list[str]:
        """Return the ids of the tool calls."""
        return self.ids("tool_use", "id")

    def document(self) -> dict[str, Any]:
        """Return the turn as it is sent: results of tools before everything else."""
        first = [block for block in self.blocks if block["type"] == "tool_result"]
        others = [block for block in self.blocks if block["type"] != "tool_result"]
        return {"role": self.role, "content": [*first, *others], **self.more}


class Turns:
    """Writes the messages of one request."""

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: BlockWriter) -> None:
        self._request = request
        self._facts = facts
        self._writer = writer
        self._own = request.dialect == wire.NAME
        self._turns: list[Turn] = []
        self.system: list[Block] = []

    def write(self) -> list[dict[str, Any]]:
        """Return the turns; the system messages before the first of them are in `system` then."""
        leading = True
        for place, message in enumerate(self._request.messages):
            leading = leading and message.role in _SYSTEM
            if leading:
                self._lead(message, place)
            elif message.role in _SYSTEM:
                self._instruct(message, place)
            else:
                self._speak(message, place)
        self._begin()
        self._end()
        self._pair_tools()
        return [turn.document() for turn in self._turns if turn.blocks]

    @property
    def thoughtless_call(self) -> bool:
        """Whether the last turn of the model calls a tool without a thought before it."""
        answers = [turn for turn in self._turns if turn.role == "assistant"]
        return bool(answers) and bool(answers[-1].calls()) and answers[-1].blocks[0]["type"] not in _THOUGHTS

    def _blocks(self, message: Message, place: int) -> list[Block]:
        found = (self._writer.block(part, f"messages.{place}.content.{at}") for at, part in enumerate(message.parts))
        return [block for block in found if block is not None]

    def _add(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(Turn(role))
        self._turns[-1].blocks += blocks

    def _lead(self, message: Message, place: int) -> None:
        for block in self._blocks(message, place):
            if block["type"] == "text":
                self.system.append(block)
            else:
                self._writer.lose(f"messages.{place}.content", "a system message holds text only", essential=True)

    def _instruct(self, message: Message, place: int) -> None:
        """A system message between turns keeps its place, as such or as a part of the user's turn."""
        # Nothing may stand between a call and its result.
        called = bool(self._turns) and bool(self._turns[-1].calls())
        if (self._facts.mid_system or self._own) and not called:
            self._add("system", self._blocks(message, place))
            return
        said = "\n".join(part.text for part in message.parts if isinstance(part, Text))
        if said.strip():
            self._writer.lose(f"messages.{place}", "the system message is sent as a part of the user's turn")
            self._add("user", [{"type": "text", "text": loose.clean(f"<system>\n{said}\n</system>")}])

    def _speak(self, message: Message, place: int) -> None:
        if message.name:
            self._writer.lose(f"messages.{place}.name", "Anthropic has no names of speakers")
        blocks = self._blocks(message, place)
        if message.role is not Role.ASSISTANT:
            self._add("user", blocks)
        else:
            self._add("assistant", blocks if self._own else _thoughts_first(blocks))
        more = wire.fields_of(message.extra)
        if more and self._turns:
            self._turns[-1].more |= more

    def _begin(self) -> None:
        if not self._turns and self.system and not self._own:
            self._writer.lose("messages", "nobody but the system speaks; its words are sent as the user's")
            self._add("user", self.system)
            self.system = []
        if self._turns and self._turns[0].role == "assistant" and not self._own:
            opening = Turn("user")
            opening.blocks.append({"type": "text", "text": _OPENING})
            self._turns.insert(0, opening)

    def _end(self) -> None:
        last = self._turns[-1] if self._turns else None
        if last is None or last.role != "assistant":
            return
        if not self._facts.prefill and not last.calls():
            self._writer.lose("messages", "the model does not go on with an answer that is begun", essential=True)
            self._turns.pop()
            return
        block = last.blocks[-1]
        if block["type"] == "text":
            # Anthropic refuses white space at the end of what the model is to go on with.
            block["text"] = block["text"].rstrip()

    def _pair_tools(self) -> None:
        """Give each call its result in the turn behind it, and leave no result without its call."""
        asked: list[str] = []
        place = 0
        while place < len(self._turns):
            turn = self._turns[place]
            if turn.role == "assistant":
                asked = turn.calls()
                following = self._turns[place + 1] if place + 1 < len(self._turns) else None
                if asked and (following is None or following.role != "user"):
                    self._turns.insert(place + 1, Turn("user"))
            elif turn.role == "user":
                self._settle(turn, asked)
                asked = []
            place += 1

    def _settle(self, turn: Turn, asked: list[str]) -> None:
        answered = turn.ids("tool_result", "tool_use_id")
        missing = [identity for identity in asked if identity not in answered]
        if missing:
            self._writer.lose("messages", f"{len(missing)} tool calls have no result; a failed one is sent for each")
        for identity in missing:
            turn.blocks.append({"type": "tool_result", "tool_use_id": identity, "content": _MISSING, "is_error": True})
        seen: set[str] = set()
        kept: list[Block] = []
        for block in turn.blocks:
            identity = block.get("tool_use_id") if block["type"] == "tool_result" else None
            if identity is None or (identity in asked and identity not in seen):
                kept.append(block)
                seen |= {identity} if identity is not None else set()
            else:
                self._writer.lose("messages", "a tool's result without its call is sent as plain content")
                kept += [inner for inner in block.get("content", ()) if inner["type"] != "tool_reference"]
        turn.blocks = kept


def _thoughts_first(blocks: list[Block]) -> list[Block]:
    """Dialects that hold thoughts apart from calls have lost their place; Anthropic wants them first."""
    thoughts = [block for block in blocks if block["type"] in _THOUGHTS]
    return [*thoughts, *(block for block in blocks if block["type"] not in _THOUGHTS)]
