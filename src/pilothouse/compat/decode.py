"""Bodies as generously as SDKs write them: NaN and halves of surrogate pairs cost a value, not the batch."""

import json
import math
from typing import Any

import msgspec

from pilothouse.errors import InvalidJson
from pilothouse.protocols.loose import clean, listing, mapping

_any = msgspec.json.Decoder()


def body_of(data: bytes) -> Any:
    """Return a request's JSON; raises `InvalidJson` for bytes that are none."""
    try:
        return _any.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise InvalidJson("the body is nested too deep") from error
    try:
        return _mended(json.loads(data.decode("utf-8", "replace"), strict=False))
    except (ValueError, RecursionError) as error:
        raise InvalidJson(f"the body is not valid JSON: {error}") from error


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_mended(item) for item in listing(value)]
    if isinstance(value, dict):
        return {clean(key): _mended(item) for key, item in mapping(value).items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
