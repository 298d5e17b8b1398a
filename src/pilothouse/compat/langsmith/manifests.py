"""Prompts as LangChain writes them down, to and from messages whose variables stand in double braces."""

import re
from typing import Any

from pilothouse.domain.prompt import variables
from pilothouse.protocols.loose import json_text, listing, mapping, scalar

_ROLES = {
    "System": "system",
    "Human": "user",
    "AI": "assistant",
    "Tool": "tool",
    "Function": "function",
}
_CLASSES = {role: name for name, role in _ROLES.items()}
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_WRAPPED = re.compile(r"(System|Human|AI|Chat|Tool|Function)Message(?:PromptTemplate)?")
_STEPS = ("first", "bound", "prompt")
_DEEPEST = 10


def content_of(manifest: Any, depth: int = 0) -> Any:
    """Return what is asked in a manifest: a text or messages; the manifest's own JSON where it is in none we know."""
    held, kind = mapping(manifest), _kind(manifest)
    kwargs = mapping(held.get("kwargs"))
    if kind == "PromptTemplate":
        return _template(kwargs)
    if kind in ("ChatPromptTemplate", "StructuredPrompt"):
        return [_message(one) for one in listing(kwargs.get("messages"))] or json_text(manifest)
    if depth < _DEEPEST:
        for step in _STEPS:
            if step in kwargs:
                return content_of(kwargs[step], depth + 1)
    return json_text(manifest)


def manifest_of(content: str | list[dict[str, Any]]) -> dict[str, Any]:
    """Return a content as LangChain writes such a prompt down."""
    if isinstance(content, str):
        return _prompt(content)
    messages = [_written(one) for one in content]
    kwargs = {"messages": messages, "input_variables": list(variables(content))}
    return _constructor(["langchain", "prompts", "chat", "ChatPromptTemplate"], kwargs)


def _kind(value: Any) -> str:
    path = listing(mapping(value).get("id"))
    return scalar(path[-1]) if path else ""


def _message(value: Any) -> dict[str, Any]:
    kind, kwargs = _kind(value), mapping(mapping(value).get("kwargs"))
    if kind == "MessagesPlaceholder":
        return {"type": "placeholder", "name": scalar(kwargs.get("variable_name")) or "messages"}
    found = _WRAPPED.match(kind)
    role = _ROLES.get(found[1] if found else "") or scalar(kwargs.get("role")) or "user"
    if "content" in kwargs:
        said = kwargs["content"]
        return {"role": role, "content": said if isinstance(said, str | list) else json_text(said)}
    prompt = kwargs.get("prompt")
    if isinstance(prompt, list):
        return {"role": role, "content": [_part(one) for one in listing(prompt)]}
    return {"role": role, "content": _template(mapping(mapping(prompt).get("kwargs")))}


def _part(value: Any) -> dict[str, Any]:
    kwargs = mapping(mapping(value).get("kwargs"))
    if _kind(value) == "ImagePromptTemplate":
        return {"type": "image_url", "image_url": kwargs.get("template")}
    return {"type": "text", "text": _template(kwargs)}


def _template(kwargs: dict[str, Any]) -> str:
    text = scalar(kwargs.get("template"))
    return text if kwargs.get("template_format") in ("mustache", "jinja2") else _FIELD.sub(_doubled, text)


def _doubled(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0][0]
    return f"{{{{{found[1].partition(':')[0].partition('!')[0]}}}}}"


def _written(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("type") == "placeholder":
        kwargs: dict[str, Any] = {"variable_name": message.get("name"), "optional": True}
        return _constructor(["langchain", "prompts", "chat", "MessagesPlaceholder"], kwargs)
    role, said = scalar(message.get("role")), message.get("content")
    prompt = _prompt(said if isinstance(said, str) else json_text(said))
    name = _CLASSES.get(role) if role in ("system", "user", "assistant") else None
    if name is None:
        path = ["langchain", "prompts", "chat", "ChatMessagePromptTemplate"]
        return _constructor(path, {"prompt": prompt, "role": role})
    return _constructor(["langchain", "prompts", "chat", f"{name}MessagePromptTemplate"], {"prompt": prompt})


def _prompt(text: str) -> dict[str, Any]:
    kwargs = {"template": text, "input_variables": list(variables(text)), "template_format": "mustache"}
    return _constructor(["langchain", "prompts", "prompt", "PromptTemplate"], kwargs)


def _constructor(path: list[str], kwargs: dict[str, Any]) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": path, "kwargs": kwargs}
