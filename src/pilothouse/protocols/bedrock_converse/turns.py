"""The messages of a request as the turns that Converse takes: user and assistant, each after the other."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, Message, Part, Role, Text
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose
from pilothouse.protocols.bedrock_converse.blocks_out import BlockWriter, Group

_SYSTEM = (Role.SYSTEM, Role.DEVELOPER)
_ROLES = {Role.ASSISTANT: "assistant"}
_MISSING = "The tool gave no result."
_OPENING = "."
"""What a conversation begins with that the caller lets the model begin; Bedrock takes none that does."""


class Turn:
    """One turn; its blocks in groups that stay together."""

    def __init__(self, role: str) -> None:
        self.role = role
        self.groups: list[Group] = []

    def ids(self, kind: str) -> list[str]:
        """Return the ids of the tool calls (`toolUse`) or results (`toolResult`) in it."""
        found = (_own(group, kind) for group in self.groups)
        return [fields["toolUseId"] for fields in found if fields is not None]

    def document(self) -> dict[str, Any]:
        """Return the turn as it is sent: results of tools before everything else, as Claude demands."""
        first = [group for group in self.groups if _own(group, "toolResult") is not None]
        others = [group for group in self.groups if _own(group, "toolResult") is None]
        return {"role": self.role, "content": [block for group in (*first, *others) for block in group]}


class Turns:
    """Writes the messages of one request."""

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: BlockWriter) -> None:
        self._request = request
        self._facts = facts
        self._writer = writer
        self._turns: list[Turn] = []
        self.system: list[dict[str, Any]] = []

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
        self._begin_and_end()
        self._pair_tools()
        self._caption_documents()
        return [turn.document() for turn in self._turns if turn.groups]

    def _groups(self, parts: tuple[Part, ...], place: int) -> list[Group]:
        found = (self._writer.group(part, f"messages.{place}.content.{at}") for at, part in enumerate(parts))
        return [group for group in found if group]

    def _add(self, role: str, groups: list[Group]) -> None:
        if not groups:
            return
        if not self._turns or self._turns[-1].role != role:
            self._turns.append(Turn(role))
        self._turns[-1].groups += groups

    def _lead(self, message: Message, place: int) -> None:
        for group in self._groups(message.parts, place):
            if next(iter(group[0])) in ("text", "guardContent", "cachePoint"):
                self.system += group
            else:
                self._writer.lose(f"messages.{place}.content", "a system message holds text only", essential=True)

    def _instruct(self, message: Message, place: int) -> None:
        """A system message between turns keeps its place, as such or as a part of the user's turn."""
        waits = bool(self._turns) and self._turns[-1].role == "assistant" and bool(self._turns[-1].ids("toolUse"))
        if self._facts.mid_system and not waits:
            self._add("system", self._groups(message.parts, place))
            return
        said = "\n".join(part.text for part in message.parts if isinstance(part, Text))
        if len(said.strip()) == 0:
            return
        self._writer.lose(f"messages.{place}", "the system message is sent as a part of the user's turn")
        self._add("user", [[{"text": loose.clean(f"<system>\n{said}\n</system>")}]])

    def _speak(self, message: Message, place: int) -> None:
        if message.name:
            self._writer.lose(f"messages.{place}.name", "Bedrock has no names of speakers")
        self._add(_ROLES.get(message.role, "user"), self._groups(message.parts, place))

    def _begin_and_end(self) -> None:
        if self._turns and self._turns[0].role == "assistant":
            opening = Turn("user")
            opening.groups.append([{"text": _OPENING}])
            self._turns.insert(0, opening)
        last = self._turns[-1] if self._turns else None
        if last is None or last.role != "assistant":
            return
        if not self._facts.prefill and not last.ids("toolUse"):
            self._writer.lose("messages", "the model does not go on with an answer that is begun", essential=True)
            self._turns.pop()
            return
        block = last.groups[-1][0]
        if isinstance(block.get("text"), str):
            # Claude refuses white space at the end of what it is to go on with.
            block["text"] = block["text"].rstrip()

    def _pair_tools(self) -> None:
        """Give each call its result in the turn behind it, and leave no result without its call."""
        asked: list[str] = []
        place = 0
        while place < len(self._turns):
            turn = self._turns[place]
            if turn.role != "assistant":
                self._settle(turn, asked)
                asked = []
            else:
                asked = turn.ids("toolUse")
                following = self._turns[place + 1] if place + 1 < len(self._turns) else None
                if asked and (following is None or following.role != "user"):
                    self._turns.insert(place + 1, Turn("user"))
            place += 1

    def _settle(self, turn: Turn, asked: list[str]) -> None:
        answered = turn.ids("toolResult")
        missing = [identity for identity in asked if identity not in answered]
        if missing:
            self._writer.lose("messages", f"{len(missing)} tool calls have no result; a failed one is sent for each")
        for identity in missing:
            failed = {"toolUseId": identity, "content": [{"text": _MISSING}], "status": "error"}
            turn.groups.append([{"toolResult": failed}])
        seen: set[str] = set()
        kept: list[Group] = []
        for group in turn.groups:
            result = _own(group, "toolResult")
            if result is None or (result["toolUseId"] in asked and result["toolUseId"] not in seen):
                kept.append(group)
                seen |= {result["toolUseId"]} if result is not None else set()
            else:
                self._writer.lose("messages", "a tool's result without its call is sent as plain content")
                kept += [[_shown(block)] for block in result["content"]]
        turn.groups = kept

    def _caption_documents(self) -> None:
        """Bedrock refuses a turn with a document and no text; the document's own name is the least one can say."""
        for turn in self._turns:
            kinds = [next(iter(group[0])) for group in turn.groups]
            if "document" in kinds and "text" not in kinds:
                named = next(group[0]["document"]["name"] for group in turn.groups if "document" in group[0])
                turn.groups.append([{"text": named}])


def _own(group: Group, kind: str) -> dict[str, Any] | None:
    """Return the call or result of a tool that the caller runs; those of the provider's own tools have a type."""
    found = group[0].get(kind)
    return None if found is None or "type" in found else found


def _shown(block: dict[str, Any]) -> dict[str, Any]:
    return {"text": loose.ENCODER.encode(block["json"]).decode()} if "json" in block else block


def thoughtless_call(messages: list[dict[str, Any]]) -> bool:
    """Return whether the last turns are calls of tools and their results, and no thought came before the calls."""
    if len(messages) < 2 or messages[-2]["role"] != "assistant":
        return False
    kinds = [next(iter(block)) for block in messages[-2]["content"]]
    return "toolUse" in kinds and kinds[0] != "reasoningContent"
