"""Events of the stream in their order, numbered as they are made."""

from typing import Any

from pilothouse.protocols.openai_responses.reply import event_of


class Numbered:
    """Makes the events of one stream; each has the next number."""

    def __init__(self) -> None:
        self.number = 0

    def event(self, kind: str, **fields: Any) -> bytes:
        """Return one event of the type `response.<kind>`."""
        document = {"type": f"response.{kind}", "sequence_number": self.number, **fields}
        self.number += 1
        return event_of(document)

    def plain(self, document: dict[str, Any]) -> bytes:
        """Return an event that is written already but for its number."""
        document["sequence_number"] = self.number
        self.number += 1
        return event_of(document)


class Spot:
    """Where in the output something stands: the fields that its events share."""

    def __init__(self, item_id: str, output_index: int, index_name: str = "", index: int = 0) -> None:
        self.fields: dict[str, Any] = {"item_id": item_id, "output_index": output_index}
        if index_name:
            self.fields[index_name] = index
