"""The messages of a request as Gemini's contents."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, Message, Part
from pilothouse.domain.facts import ModelFacts, ThinkingStyle
from pilothouse.protocols import loose, turns
from pilothouse.protocols.gemini import wire
from pilothouse.protocols.gemini.parts_out import PartWriter
from pilothouse.protocols.turns import Group


class Turns(turns.Turns):
    """Writes the messages of one request."""

    title = "Gemini"

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: PartWriter) -> None:
        super().__init__(request, facts, own=request.dialect == wire.NAME)
        self._writer = writer
        newest = facts.thinking is ThinkingStyle.LEVEL
        # Names such as gemini-flash-latest say no version, and mean the newest.
        newest = newest or (facts.thinking is None and "gemini" in request.model.lower())
        self._signed = newest and not self._own

    def write(self) -> list[dict[str, Any]]:
        """Return the contents; the system messages before the first of them are in `system` then."""
        self.build()
        return [self._content(turn) for turn in self.turns if turn.groups]

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note something that the target has no place for."""
        self._writer.lose(field, reason, essential=essential)

    def lead(self, message: Message, place: int) -> None:
        """Add a system message before the first turn to `system`."""
        for group in self.groups(message, place):
            self.system += group

    def group(self, part: Part, path: str) -> Group:
        """Return a part's group, an empty one when it is left out."""
        return self._writer.group(part, path)

    def text(self, said: str) -> Group:
        """Return text as a group."""
        return [{"text": loose.clean(said)}]

    def call_id(self, group: Group) -> str | None:
        """Return the id of a call, None when the group is none."""
        found = group[0].get("functionCall")
        return None if found is None else found.get("id", "")

    def result_id(self, group: Group) -> str | None:
        """Return the id of the call that the group answers, None when it is no result."""
        found = group[0].get("functionResponse")
        return None if found is None else found.get("id", "")

    def failed(self, call_id: str, said: str) -> Group:
        """Return the failed result of a call that has none."""
        return [self._writer.answer(call_id, {"error": said})]

    def shown(self, result: Group) -> list[Group]:
        """Return what a result without its call holds, as plain content."""
        answered = result[0]["functionResponse"]
        said = loose.ENCODER.encode(answered["response"]).decode()
        return [[{"text": said}], *([part] for part in answered.get("parts", ())), *([part] for part in result[1:])]

    def _content(self, turn: turns.Turn) -> dict[str, Any]:
        parts = turn.blocks(self.result_id)
        calls = [part for part in parts if "functionCall" in part]
        if self._signed and calls and "thoughtSignature" not in calls[0]:
            # Gemini 3 refuses a turn whose first call has no mark; the others need none.
            calls[0]["thoughtSignature"] = wire.NO_SIGNATURE
        for part in parts:
            for kind in ("functionCall", "functionResponse"):
                inner = part.get(kind)
                if inner is not None and inner.get("id", "").startswith(wire.MINTED):
                    del inner["id"]
        return {"role": "model" if turn.role == "assistant" else "user", "parts": parts}
