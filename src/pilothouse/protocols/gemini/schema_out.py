"""A JSON schema in the forms that Gemini takes: JSON Schema with a few rules, or OpenAPI's for older models."""

from typing import Any

from pilothouse.protocols import loose

_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_INNER = ("items", "anyOf", "oneOf", "allOf", "not", "prefixItems", "additionalProperties")
_UNTOLD = frozenset({"$schema", "$id", "strict"})
_IGNORED = frozenset({
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "uniqueItems",
    "minProperties", "maxProperties", "patternProperties", "propertyNames", "contains", "minContains", "maxContains",
    "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems",
})  # fmt: skip
"""Keywords of JSON Schema that Gemini takes and does not heed."""
_OPENAPI = frozenset({
    "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required", "minProperties",
    "maxProperties", "minLength", "maxLength", "pattern", "anyOf", "propertyOrdering", "items", "minimum", "maximum",
})  # fmt: skip
_DROPPED = _UNTOLD | {"$defs", "definitions", "additionalProperties", "default", "examples", "format"}
_FORMATS = frozenset({"float", "double", "int32", "int64", "enum", "date-time"})
_DEEPEST = 12
"""References inside of references are followed so far; what is deeper may be anything."""


def is_empty(schema: dict[str, Any] | None) -> bool:
    """Return whether a tool takes no arguments; Gemini wants no schema then."""
    if not schema:
        return True
    told = {key for key, found in schema.items() if key not in _UNTOLD | {"title", "additionalProperties"} and found}
    return schema.get("type") == "object" and told <= {"type", "description"}


def json_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema by Gemini's rules for JSON Schema: no siblings of a reference, and constants as lists of one."""
    if "$ref" in schema:
        beside = {key: found for key, found in schema.items() if not key.startswith("$") and key not in _UNTOLD}
        kept = {key: _deeper(key, found) for key, found in schema.items() if key.startswith("$") and key not in _UNTOLD}
        if not beside:
            return kept
        alone = {"anyOf": [{"$ref": kept.pop("$ref")}]}
        return {**alone, **kept, **json_schema(beside)}
    out = {key: _deeper(key, found) for key, found in schema.items() if key not in _UNTOLD}
    if "const" in out:
        out["enum"] = [out.pop("const")]
    if len(out.get("allOf", ())) == 1:
        out = {**out.pop("allOf")[0], **out}
    return out


def unheeded(found: Any) -> set[str]:
    """Return the keywords anywhere in a schema that Gemini's structured output does not heed."""
    if isinstance(found, list):
        return set[str]().union(*(unheeded(inner) for inner in loose.listing(found)))
    fields = loose.mapping(found)
    told = {key for key in fields if key in _IGNORED}
    for key, inner in fields.items():
        if key in _NAMED:
            told = told.union(*(unheeded(schema) for schema in loose.mapping(inner).values()))
        elif key in _INNER:
            told |= unheeded(inner)
    return told


def _deeper(key: str, found: Any) -> Any:
    if key in _NAMED:
        return {name: json_schema(loose.mapping(inner)) for name, inner in loose.mapping(found).items()}
    if key in _INNER and isinstance(found, list):
        return [json_schema(loose.mapping(inner)) for inner in loose.listing(found)]
    if key in _INNER and isinstance(found, dict):
        return json_schema(loose.mapping(found))
    return found


class OpenApi:
    """Writes one schema for models that know a part of OpenAPI's language only."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._root = schema
        self.lost: set[str] = set()
        """Keywords that were left out."""

    def write(self) -> dict[str, Any]:
        """Return the schema; fills `lost`."""
        return self._write(self._root, 0)

    def _write(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        schema, depth = self._resolved(schema, depth)
        out: dict[str, Any] = {}
        for key, found in schema.items():
            self._add(out, key, found, depth)
        if "properties" in out and "type" not in out:
            out["type"] = "OBJECT"
        if "enum" in out:
            # Only texts can be listed.
            out["enum"] = [loose.json_text(item) for item in out["enum"] if item is not None]
            out.setdefault("type", "STRING")
            if out["type"] in ("INTEGER", "NUMBER", "BOOLEAN"):
                self.lost.add("enum")
                del out["enum"]
        return out

    def _resolved(self, schema: dict[str, Any], depth: int) -> tuple[dict[str, Any], int]:
        while "$ref" in schema:
            depth += 1
            beside = {key: found for key, found in schema.items() if key != "$ref"}
            if depth > _DEEPEST:
                self.lost.add("$ref")
                return {"type": "object", **beside}, depth
            schema = {**self._target(loose.text(schema["$ref"])), **beside}
        return schema, depth

    def _target(self, reference: str) -> dict[str, Any]:
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            found = loose.mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
        return loose.mapping(found)

    def _add(self, out: dict[str, Any], key: str, found: Any, depth: int) -> None:
        if key == "type":
            self._add_type(out, found)
        elif key in ("anyOf", "oneOf"):
            self._add_choice(out, [loose.mapping(item) for item in loose.listing(found)], depth)
        elif key == "allOf":
            for inner in loose.listing(found):
                out |= self._write(loose.mapping(inner), depth)
        elif key == "properties":
            out[key] = {name: self._write(loose.mapping(item), depth) for name, item in loose.mapping(found).items()}
        elif key == "items":
            out[key] = self._write(loose.mapping(found), depth)
        else:
            self._add_plain(out, key, found)

    def _add_plain(self, out: dict[str, Any], key: str, found: Any) -> None:
        if key == "const":
            out["enum"] = [found]
        elif key in _OPENAPI or (key == "format" and found in _FORMATS):
            out[key] = found
        elif key not in _DROPPED:
            self.lost.add(key)

    def _add_type(self, out: dict[str, Any], found: Any) -> None:
        kinds = [loose.text(kind) for kind in loose.listing(found)] if isinstance(found, list) else [loose.text(found)]
        named = [kind.upper() for kind in kinds if kind != "null"]
        if len(named) < len(kinds):
            out["nullable"] = True
        if len(named) == 1:
            out["type"] = named[0]
        elif named:
            out["anyOf"] = [{"type": kind} for kind in named]

    def _add_choice(self, out: dict[str, Any], ways: list[dict[str, Any]], depth: int) -> None:
        real = [way for way in ways if way.get("type") != "null"]
        if len(real) < len(ways):
            out["nullable"] = True
        if len(real) == 1:
            out |= {**self._write(real[0], depth), **out}
        elif real:
            out["anyOf"] = [self._write(way, depth) for way in real]
