"""A JSON schema in the part of the language that Anthropic's own structured output takes."""

from typing import Any

from pilothouse.protocols.anthropic_messages import wire

_UNTAKEN = frozenset({
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems",
    "uniqueItems", "minProperties", "maxProperties", "patternProperties", "propertyNames", "contains", "minContains",
    "maxContains", "unevaluatedProperties", "unevaluatedItems", "$schema", "strict",
})  # fmt: skip
_SILENT = frozenset({"$schema", "strict"})
_NAMED = ("properties", "$defs", "definitions")


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with objects closed, and with what Anthropic refuses told in the description instead."""
    out: dict[str, Any] = {}
    told: list[str] = []
    for key, found in schema.items():
        if key in _UNTAKEN or (key == "minItems" and found not in (0, 1)):
            if key not in _SILENT:
                told.append(f"{key}: {wire.ENCODER.encode(found).decode()}")
        elif key == "oneOf":
            out["anyOf"] = _deeper(found)
        elif key in _NAMED:
            out[key] = {name: _deeper(inner) for name, inner in wire.mapping(found).items()}
        elif key in ("items", "anyOf", "allOf", "not"):
            out[key] = _deeper(found)
        else:
            out[key] = found
    if out.get("type") == "object" or "properties" in out:
        out["additionalProperties"] = False
    if told:
        about = wire.said(out.get("description"))
        out["description"] = f"{about} ({', '.join(told)})" if about else ", ".join(told)
    return out


def _deeper(found: Any) -> Any:
    if isinstance(found, dict):
        return strict_schema(wire.mapping(found))
    if isinstance(found, list):
        return [_deeper(inner) for inner in wire.listing(found)]
    return found
