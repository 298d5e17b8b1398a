"""A JSON schema in the part of the language that Claude, and models on Bedrock, can be held to."""

from typing import Any

from pilothouse.domain.chat import ChatRequest
from pilothouse.domain.facts import ModelFacts
from pilothouse.protocols import loose

_UNTAKEN = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "contains", "minContains",
    "maxContains", "unevaluatedProperties", "unevaluatedItems", "$schema", "strict",
})  # fmt: skip
_SILENT = frozenset({"$schema", "strict"})
_NAMED = ("properties", "$defs", "definitions")


def is_taken(schema: dict[str, Any]) -> bool:
    """Return whether the target's own structured output can hold the answers: closed objects, with one at the top."""
    at_top = schema.get("type") == "object" or ("type" not in schema and "properties" in schema)
    return at_top and not _has_map(schema)


def native(request: ChatRequest, facts: ModelFacts, dialect: str) -> bool:
    """Return whether the schema of the answer is one that the model, asked in a dialect, takes itself."""
    return facts.schema_output and (request.dialect == dialect or is_taken(request.output.schema or {}))


def loosened(schema: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the schema when its closed form allows answers that it does not, None when they are held to all of it."""
    told = set[str]()
    closed(schema or {}, told)
    return schema if told else None


def strict_fits(schema: dict[str, Any]) -> bool:
    """Return whether a tool's schema is one that calls can be held to as it is."""
    return schema == closed(schema, set())


def closed(schema: dict[str, Any], told: set[str]) -> dict[str, Any]:
    """Return the schema with objects closed, and with what the target refuses told in the description instead.

    The keywords that are told so are added to `told`.
    """
    out: dict[str, Any] = {}
    words: list[str] = []
    for key, found in schema.items():
        if key in _UNTAKEN or (key == "minItems" and found not in (0, 1)):
            if key not in _SILENT:
                words.append(f"{key}: {loose.ENCODER.encode(found).decode()}")
                told.add(key)
        elif key == "oneOf":
            out["anyOf"] = _deeper(found, told)
            words.append("exactly one of the alternatives must fit")
            told.add(key)
        elif key in _NAMED:
            out[key] = {name: _deeper(inner, told) for name, inner in loose.mapping(found).items()}
        elif key in ("items", "anyOf", "allOf", "not"):
            out[key] = _deeper(found, told)
        else:
            out[key] = found
    if out.get("type") == "object" or "properties" in out:
        out["additionalProperties"] = False
    if words:
        about = loose.text(out.get("description"))
        out["description"] = f"{about} ({', '.join(words)})" if about else ", ".join(words)
    return out


def _deeper(found: Any, told: set[str]) -> Any:
    if isinstance(found, dict):
        return closed(loose.mapping(found), told)
    if isinstance(found, list):
        return [_deeper(inner, told) for inner in loose.listing(found)]
    return found


def _has_map(found: Any) -> bool:
    """Return whether there is an object whose keys are not known beforehand."""
    if isinstance(found, list):
        return any(_has_map(inner) for inner in loose.listing(found))
    fields = loose.mapping(found)
    closed = bool(fields.get("properties")) and fields.get("additionalProperties", True) in (True, False)
    if fields.get("type") == "object" and not closed and fields.get("additionalProperties") is not False:
        return True
    return any(_has_map(inner) for inner in fields.values())
