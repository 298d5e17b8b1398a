"""Events of servers that cut an emoji in two: each half of its surrogate pair stands in an event of its own."""

import json
from typing import Any, cast

from pilothouse.protocols.loose import mapping

_PLACES = ("content", "reasoning_content", "reasoning")


class Halves:
    """Decodes what the strict parser refuses, and keeps first halves back until the second ones come."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, str], str] = {}
        """First halves, by choice and field."""

    def decode(self, data: bytes) -> dict[str, Any] | None:
        """Return the event with whole characters only; None when it is not JSON either way."""
        try:
            event = mapping(json.loads(data))
        except (ValueError, RecursionError):
            return None
        for place, choice in enumerate(cast("list[Any]", event.get("choices") or ())):
            delta = mapping(mapping(choice).get("delta"))
            for field in _PLACES:
                if isinstance(delta.get(field), str):
                    delta[field] = self._joined((place, field), delta[field])
        return cast("dict[str, Any]", _whole(event))

    def _joined(self, key: tuple[int, str], said: str) -> str:
        said = self._held.pop(key, "") + said
        if said and "\ud800" <= said[-1] <= "\udbff":
            self._held[key] = said[-1]
            return said[:-1]
        return said


def _whole(value: Any) -> Any:
    """Join halves that belong together; what stays alone becomes U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_whole(item) for item in cast("list[Any]", value)]
    return value
