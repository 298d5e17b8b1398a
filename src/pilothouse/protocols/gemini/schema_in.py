"""A schema in OpenAPI's language, as Gemini's older fields have it, as a JSON schema."""

from typing import Any

from pilothouse.protocols import loose
from pilothouse.protocols.gemini.wire import camel

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_GOOGLES = frozenset({"nullable", "propertyOrdering", "example"})
_REFERENCES = {"defs": "$defs", "ref": "$ref"}


def plain_schema(schema: Any) -> dict[str, Any]:
    """Return the JSON schema that means the same."""
    given = {camel(key): found for key, found in loose.mapping(schema).items() if found is not None}
    out: dict[str, Any] = {}
    for key, found in given.items():
        if key not in _GOOGLES:
            out[_REFERENCES.get(key, key)] = _value(key, found)
    if out.get("format") == "enum":
        del out["format"]
    if "example" in given:
        out["examples"] = [given["example"]]
    order = [name for name in loose.listing(given.get("propertyOrdering")) if isinstance(name, str)]
    if order and "properties" in out:
        named: dict[str, Any] = out["properties"]
        out["properties"] = {name: named[name] for name in order if name in named} | named
    return _nullable(out) if given.get("nullable") is True else out


def _value(key: str, found: Any) -> Any:
    if key == "type":
        return loose.text(found).lower()
    if key in ("items", "additionalProperties") and isinstance(found, dict):
        return plain_schema(found)
    if key in ("properties", "defs"):
        return {name: plain_schema(inner) for name, inner in loose.mapping(found).items()}
    if key == "anyOf":
        return [plain_schema(inner) for inner in loose.listing(found)]
    if key in _COUNTS and isinstance(found, str) and found.isdecimal():
        # Google writes its large whole numbers as text.
        return int(found)
    return found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    out = {**schema, "type": [schema["type"], "null"]} if "type" in schema else schema
    return {**out, "enum": [*out["enum"], None]} if "enum" in out else out


def bare_word(said: str) -> str:
    """Return the word of an answer that is the JSON text of one; any other answer as it is."""
    try:
        found = loose.ANY.decode(said)
    except (ValueError, RecursionError):
        return said
    return found if isinstance(found, str) else said
