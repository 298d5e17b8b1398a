"""The messages of a request as the turns that Converse takes."""

from typing import Any

from pilothouse.domain.chat import ChatRequest, Message, Part
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose, turns
from pilothouse.protocols.bedrock_converse.blocks_out import BlockWriter
from pilothouse.protocols.turns import Group

_LEADING = ("text", "guardContent", "cachePoint")


class Turns(turns.Turns):
    """Writes the messages of one request."""

    title = "Bedrock"

    def __init__(self, request: ChatRequest, facts: ModelFacts, writer: BlockWriter) -> None:
        super().__init__(request, facts)
        self._writer = writer

    def write(self) -> list[dict[str, Any]]:
        """Return the turns; the system messages before the first of them are in `system` then."""
        self.build()
        self._caption_documents()
        return [{"role": turn.role, "content": turn.blocks(self.result_id)} for turn in self.turns if turn.groups]

    def lose(self, field: str, reason: str, *, essential: bool = False) -> None:
        """Note something that the target has no place for."""
        self._writer.lose(field, reason, essential=essential)

    def lead(self, message: Message, place: int) -> None:
        """Add a system message before the first turn to `system`."""
        for group in self.groups(message, place):
            if next(iter(group[0])) in _LEADING:
                self.system += group
            else:
                self.lose(f"messages.{place}.content", "a system message holds text only", essential=True)

    def group(self, part: Part, path: str) -> Group:
        """Return a part's group, an empty one when it is left out."""
        return self._writer.group(part, path)

    def text(self, said: str) -> Group:
        """Return text as a group."""
        return [{"text": loose.clean(said)}]

    def call_id(self, group: Group) -> str | None:
        """Return the id of a call of the caller's own tool, None when the group is none."""
        return _own_id(group, "toolUse")

    def result_id(self, group: Group) -> str | None:
        """Return the id of the call that the group answers, None when it is no result."""
        return _own_id(group, "toolResult")

    def failed(self, call_id: str, said: str) -> Group:
        """Return the failed result of a call that has none."""
        return [{"toolResult": {"toolUseId": call_id, "content": [{"text": said}], "status": "error"}}]

    def shown(self, result: Group) -> list[Group]:
        """Return what a result without its call holds, as plain content."""
        return [[_shown(block)] for block in result[0]["toolResult"]["content"]]

    def _caption_documents(self) -> None:
        """Bedrock refuses a turn with a document and no text; the document's own name is the least one can say."""
        for turn in self.turns:
            kinds = [next(iter(group[0])) for group in turn.groups]
            if "document" in kinds and "text" not in kinds:
                named = next(group[0]["document"]["name"] for group in turn.groups if "document" in group[0])
                turn.groups.append([{"text": named}])


def _own_id(group: Group, kind: str) -> str | None:
    """Return the id of a call or result of the caller's own tool; those of the provider's tools have a type."""
    found = group[0].get(kind)
    return None if found is None or "type" in found else found["toolUseId"]


def _shown(block: dict[str, Any]) -> dict[str, Any]:
    return {"text": loose.ENCODER.encode(block["json"]).decode()} if "json" in block else block


def thoughtless_call(messages: list[dict[str, Any]]) -> bool:
    """Return whether the last turns are calls of tools and their results, and no thought came before the calls."""
    if len(messages) < 2 or messages[-2]["role"] != "assistant":
        return False
    kinds = [next(iter(block)) for block in messages[-2]["content"]]
    return "toolUse" in kinds and kinds[0] != "reasoningContent"
