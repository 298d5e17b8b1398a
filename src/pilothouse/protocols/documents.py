"""Documents for dialects that have no part for all that is said of one."""

from pilothouse.domain.chat import Document

_OPENAI = frozenset({"openai_chat", "openai_responses", "openai_completions"})


def as_text(part: Document) -> str:
    """Return a document of plain text as text, its title and its context in front."""
    title = f' title="{part.name}"' if part.name else ""
    context = f"<context>{part.context}</context>\n" if part.context else ""
    return f"<document{title}>\n{context}{part.text}\n</document>"


def openai_has(file_id: str, dialect: str) -> bool:
    """Return whether OpenAI may know the file that a caller of a dialect names: ids belong to their vendor."""
    return bool(file_id) and dialect in _OPENAI
