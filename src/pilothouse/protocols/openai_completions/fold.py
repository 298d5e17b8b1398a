"""A recorded completions stream as the one whole answer it stands for."""

from typing import Any, cast

from pilothouse.protocols.loose import ANY, ENCODER, mapping, objects
from pilothouse.protocols.openai_chat.fold import fold as fold_chat


def fold(raw_sse: bytes) -> bytes:
    """Return the stream as one `text_completion` JSON object; tolerant of a cut tail, of comments and of odd events.

    Log probabilities are left out. An error object of the stream stands in `error`. A body that is whole JSON already
    comes back as it is.
    """
    if raw_sse.lstrip()[:1] == b"{":
        return raw_sse
    found = cast("dict[str, Any]", ANY.decode(fold_chat(raw_sse)))
    choices = [_choice(choice) for choice in objects(found.get("choices"))]
    return ENCODER.encode({**found, "object": "text_completion", "choices": choices})


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in choice.items() if key not in ("message", "text")}
    return {"text": mapping(choice.get("message")).get("content") or "", **rest}
