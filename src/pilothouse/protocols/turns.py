"""Conversations as dialects want them that know users and assistants only, each after the other.

What a turn holds are groups: a part's block and what belongs behind it. Only the dialect looks into them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

from pilothouse.domain.chat import ChatRequest, Message, Part, Role, Text, ToolCall, ToolResult
from pilothouse.domain.facts import ModelFacts

Group: TypeAlias = list[dict[str, Any]]

_SYSTEM = (Role.SYSTEM, Role.DEVELOPER)
_OF_TOOLS = frozenset({ToolCall, ToolResult})
_MISSING = "The tool gave no result."
_OPENING = "."
"""What a conversation begins with that the caller lets the model begin; these dialects take none that does."""


class Turn:
    """One turn."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.groups: list[Group] = []
        self.more: dict[str, Any] = {}
        """Further fields of the message."""

    def ids(self, of: Callable[[Group], str | None]) -> list[str]:
        """Return the ids of the calls or of the results in it."""
        return [identity for group in self.groups if (identity := of(group)) is not None]

    def blocks(self, result_id: Callable[[Group], str | None]) -> list[dict[str, Any]]:
        """Return the blocks as they are sent: results of tools before everything else."""
        first: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for group in self.groups:
            (others if result_id(group) is None else first).extend(group)
        return first + others


class Turns(ABC):
    """Builds the turns of one request; what the blocks look like is the dialect's business, in the methods at the end.

    `title` is the vendor's name, for people. `own` says that the caller speaks the dialect, so that less is mended.
    """

    title: str

    def __init__(self, request: ChatRequest, facts: ModelFacts, *, own: bool = False) -> None:
        self._request = request
        self._facts = facts
        self._own = own
        self.turns: list[Turn] = []
        self.system: list[dict[str, Any]] = []
        """The blocks of the system messages before the first turn."""

    def build(self) -> None:
        """Fill `turns` and `system`."""
        leading = True
        for place, message in enumerate(self._request.messages):
            if message.role not in _SYSTEM:
                leading = False
                self.speak(message, place)
            elif leading:
                self.lead(message, place)
            else:
                self._instruct(message, place)
        self._begin()
        self._end()
        if not _OF_TOOLS.isdisjoint([type(part) for message in self._request.messages for part in message.parts]):
            self._pair_tools()

    def groups(self, message: Message, place: int) -> list[Group]:
        """Return the groups of a message."""
        where = f"messages.{place}.content"
        return [group for at, part in enumerate(message.parts) if (group := self.group(part, f"{where}.{at}"))]

    def add(self, role: str, groups: list[Group]) -> None:
        """Add to the last turn when it is of the role, else to a new one."""
        if not groups:
            return
        if not self.turns or self.turns[-1].role != role:
            self.turns.append(Turn(role))
        self.turns[-1].groups += groups

    def speak(self, message: Message, place: int) -> None:
        """Add what the user, the model or a tool says."""
        if message.name:
            self.lose(f"messages.{place}.name", f"{self.title} has no names of speakers")
        self.add("assistant" if message.role is Role.ASSISTANT else "user", self.groups(message, place))

    def _begin(self) -> None:
        """Have somebody speak where only the system does, and the user first."""
        if not self.turns and self.system and not self._own:
            self.lose("messages", "nobody but the system speaks; its words are sent as the user's")
            self.add("user", [[block] for block in self.system])
            self.system = []
        if self.turns and self.turns[0].role == "assistant" and not self._own:
            opening = Turn("user")
            opening.groups.append(self.text(_OPENING))
            self.turns.insert(0, opening)

    def _instruct(self, message: Message, place: int) -> None:
        """A system message between turns keeps its place, as such or as a part of the user's turn."""
        if self._stands(message, place):
            self.add("system", self.groups(message, place))
            return
        said = "\n".join(part.text for part in message.parts if isinstance(part, Text))
        if said.strip():
            self.lose(f"messages.{place}", "the system message is sent as a part of the user's turn")
            self.add("user", [self.text(f"<system>\n{said}\n</system>")])

    def _stands(self, message: Message, place: int) -> bool:
        """Return whether a system message may stand where it does."""
        last = self.turns[-1] if self.turns else None
        if self._own:
            # Nothing may stand between a call and its result.
            return last is None or not last.ids(self.call_id)
        if not self._facts.mid_system or not all(isinstance(part, Text) for part in message.parts):
            return False
        # Claude takes text behind a turn of the user's, where nobody or the model speaks next.
        following = (later.role for later in self._request.messages[place + 1 :] if later.role not in _SYSTEM)
        speaks_next = next(following, Role.ASSISTANT)
        return last is not None and last.role in ("user", "system") and speaks_next is Role.ASSISTANT

    def _end(self) -> None:
        last = self.turns[-1] if self.turns else None
        if last is None or last.role != "assistant":
            return
        if not self._facts.prefill and not last.ids(self.call_id):
            self.lose("messages", "the model does not go on with an answer that is begun", essential=True)
            self.turns.pop()
            return
        block = last.groups[-1][0]
        if isinstance(block.get("text"), str):
            # White space at the end of what the model is to go on with is refused.
            block["text"] = block["text"].rstrip()

    def _pair_tools(self) -> None:
        """Give each call its result in the turn behind it, and leave no result without its call."""
        asked: list[str] = []
        place = 0
        while place < len(self.turns):
            turn = self.turns[place]
            if turn.role == "assistant":
                asked = turn.ids(self.call_id)
                following = self.turns[place + 1] if place + 1 < len(self.turns) else None
                if asked and (following is None or following.role != "user"):
                    self.turns.insert(place + 1, Turn("user"))
            elif turn.role == "user":
                self._settle(turn, asked)
                asked = []
            place += 1

    def _settle(self, turn: Turn, asked: list[str]) -> None:
        answered = turn.ids(self.result_id)
        if not asked and not answered:
            return
        missing = [identity for identity in asked if identity not in answered]
        if missing:
            self.lose("messages", f"{len(missing)} tool calls have no result; a failed one is sent for each")
        turn.groups += [self.failed(identity, _MISSING) for identity in missing]
        seen: set[str] = set()
        kept: list[Group] = []
        for group in turn.groups:
            identity = self.result_id(group)
            if identity is None or (identity in asked and identity not in seen):
                kept.append(group)
                seen |= {identity} if identity is not None else set()
            else:
                self.lose("messages", "a tool's result without its call is sent as plain content")
                kept += self.shown(group)
        turn.groups = kept

    @abstractmethod
    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note something that the target has no place for."""

    @abstractmethod
    def lead(self, message: Message, place: int) -> None:
        """Add a system message before the first turn to `system`."""

    @abstractmethod
    def group(self, part: Part, path: str) -> Group:
        """Return a part's group, an empty one when it is left out."""

    @abstractmethod
    def text(self, said: str) -> Group:
        """Return text as a group."""

    @abstractmethod
    def call_id(self, group: Group) -> str | None:
        """Return the id of a call of the caller's own tool, None when the group is none."""

    @abstractmethod
    def result_id(self, group: Group) -> str | None:
        """Return the id of the call that the group answers, None when it is no result."""

    @abstractmethod
    def failed(self, call_id: str, said: str) -> Group:
        """Return the failed result of a call that has none."""

    @abstractmethod
    def shown(self, result: Group) -> list[Group]:
        """Return what a result without its call holds, as plain content."""


def apart(parts: list[Part]) -> list[Message]:
    """Return a user's turn with results of tools as a message of the results and one of the rest, in their order."""
    runs: list[tuple[Role, list[Part]]] = []
    for part in parts:
        role = Role.TOOL if isinstance(part, ToolResult) else Role.USER
        if not runs or runs[-1][0] is not role:
            runs.append((role, []))
        runs[-1][1].append(part)
    return [Message(role, tuple(run)) for role, run in runs]
