"""The pieces of a streamed message's content as the one content they stand for."""

from typing import Any

from pilothouse.protocols.loose import listing, objects, text

_TEXT, _THINKING = "text", "thinking"


class FoldedContent:
    """Puts texts together, and lists of parts such as those in which Mistral's thoughts come."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._said: list[str] = []

    def add(self, value: str | list[Any]) -> None:
        """Take a piece."""
        if isinstance(value, str):
            self._said.append(value)
            return
        for part in objects(value):
            if part.get("type") == _TEXT:
                self._said.append(text(part.get("text")))
            else:
                self._add_part(part)

    def document(self) -> Any:
        """Return the content: text unless other parts came, None when nothing came."""
        if not self._parts:
            return "".join(self._said) if self._said else None
        self._close_text()
        return self._parts

    def _add_part(self, part: dict[str, Any]) -> None:
        self._close_text()
        last = self._parts[-1] if self._parts else {}
        if part.get("type") == last.get("type") == _THINKING:
            self._parts[-1] = {**last, **part, _THINKING: _joined(last.get(_THINKING), part.get(_THINKING))}
        else:
            self._parts.append(part)

    def _close_text(self) -> None:
        said, self._said = "".join(self._said), []
        if said:
            self._parts.append({"type": "text", "text": said})


def _joined(held: Any, more: Any) -> Any:
    """Return a thought with its next piece: texts that follow one another are one."""
    if isinstance(held, str) and isinstance(more, str):
        return held + more
    out = _pieces(held)
    for piece in _pieces(more):
        if out and piece.get("type") == out[-1].get("type") == _TEXT:
            out[-1] = {**out[-1], "text": text(out[-1].get("text")) + text(piece.get("text"))}
        else:
            out.append(piece)
    return out


def _pieces(thinking: Any) -> list[dict[str, Any]]:
    return [{"type": _TEXT, "text": thinking}] if isinstance(thinking, str) else objects(listing(thinking))
