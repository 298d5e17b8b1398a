"""Request bodies of JSON dialects: read the few fields that matter, rewrite them, leave every other byte alone."""

import json
from typing import Any, TypeVar, cast

import msgspec

from pilothouse.errors import InvalidJson, InvalidRequest

_DOCUMENT = msgspec.json.Decoder(dict[str, Any])
_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()
_TRUE = msgspec.Raw(b"true")
_MODEL_CHARS = len("model")

_Head = TypeVar("_Head", bound=msgspec.Struct)


def read(body: bytes, decoder: msgspec.json.Decoder[_Head]) -> _Head:
    """Return the fields that the decoder's type names; all others are ignored, and the last of equal keys wins.

    Raises `InvalidJson` with the position, or `InvalidRequest` whose `param` names the field of a wrong type.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong_field(body, decoder.type, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid_json(body, error) from error
    except RecursionError as error:
        raise InvalidJson("the request body is nested too deeply") from error


def read_document(body: bytes) -> dict[str, Any]:
    """Return the whole body, every value decoded; raises as `read_object`."""
    try:
        return _DOCUMENT.decode(body)
    except msgspec.ValidationError as error:
        # Refuses what is no object; what is left is a number beyond what a float holds.
        read_object(body)
        raise InvalidJson(f"the request body cannot be read: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid_json(body, error) from error
    except RecursionError as error:
        raise InvalidJson("the request body is nested too deeply") from error


def read_object(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the top-level members as raw bytes, keys unescaped, the last of equal keys winning; raises as `read`."""
    try:
        return _RAW_OBJECT.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidRequest("the request body must be a JSON object") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid_json(body, error) from error
    except RecursionError as error:
        raise InvalidJson("the request body is nested too deeply") from error


def objects_of(value: Any, name: str) -> list[dict[str, Any]]:
    """Return a list of objects, such as the messages; raises `InvalidRequest` naming what is none."""
    if not isinstance(value, list):
        raise InvalidRequest(f"{name} must be a list of objects", param=name)
    items = cast("list[Any]", value)
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise InvalidRequest(f"{name}.{place} must be an object", param=f"{name}.{place}")
    return items


def needs_canonical(body: bytes) -> bool:
    """Return whether the body could hold more than one top-level spelling of `model`.

    Some servers take the first of two equal keys, and Go's JSON decoder matches keys in any case, so a body that spells
    the key twice could have one model checked and another one called. A plain scan for the bytes: true more often than
    need be (a nested `model` key), never false when it matters. An escaped spelling has at least one of the letters of
    `model` as `\\u006x` or `\\u004x`.
    """
    if body.count(b'"model"') != 1:
        return True
    if b"\\u006" in body or b"\\u004" in body:
        return True
    return any(len(key) == _MODEL_CHARS and key != "model" and key.lower() == "model" for key in read_object(body))


def rewrite(body: bytes, *, model: str | None, ask_usage: bool) -> bytes:
    """Return the body with exactly one canonical `model` key and every other value's bytes as they were.

    `model` replaces the name; None keeps the last one given. `ask_usage` sets `stream_options.include_usage`.
    Whitespace between top-level members goes, and of equal keys only the last stays. Raises as `read_object`.
    """
    members = read_object(body)
    _drop_variants(members, "model")
    if model is not None:
        members["model"] = msgspec.Raw(_ENCODER.encode(model))
    if ask_usage:
        _drop_variants(members, "stream_options")
        members["stream_options"] = _with_usage(members.get("stream_options"))
    return _ENCODER.encode(members)


def _drop_variants(members: dict[str, msgspec.Raw], name: str) -> None:
    length = len(name)
    for key in tuple(members):
        if len(key) == length and key != name and key.lower() == name:
            del members[key]


def _with_usage(options: msgspec.Raw | None) -> msgspec.Raw:
    inner: dict[str, msgspec.Raw] = {}
    if options is not None and bytes(options).lstrip().startswith(b"{"):
        inner = _RAW_OBJECT.decode(options)
    inner["include_usage"] = _TRUE
    return msgspec.Raw(_ENCODER.encode(inner))


def _invalid_json(body: bytes, error: Exception) -> InvalidJson:
    # msgspec reports an escaped half of a surrogate pair as truncated data; the standard library's parser has
    # the clearer words, and only a body that is refused anyway pays for it.
    try:
        json.loads(body.decode())
    except json.JSONDecodeError as clearer:
        where = f"{clearer.msg} at line {clearer.lineno}, column {clearer.colno}"
        return InvalidJson(f"the request body is not valid JSON: {where}")
    except UnicodeDecodeError as clearer:
        return InvalidJson(f"the request body is not valid UTF-8 at byte {clearer.start}")
    except (RecursionError, ValueError):
        return InvalidJson("the request body is nested too deeply, or holds a number that is too long")
    if isinstance(error, UnicodeDecodeError):
        return InvalidJson("the request body is not valid UTF-8")
    return InvalidJson("the request body is not valid JSON: a string holds half of a surrogate pair")


def _wrong_field(body: bytes, kind: type[msgspec.Struct], error: msgspec.ValidationError) -> InvalidRequest:
    members = read_object(body)
    for field in msgspec.structs.fields(kind):
        raw = members.get(field.encode_name)
        if raw is None:
            continue
        try:
            msgspec.json.decode(raw, type=field.type)
        except msgspec.DecodeError as reason:
            return InvalidRequest(f"{field.encode_name}: {reason}", param=field.encode_name)
    return InvalidRequest(str(error))
