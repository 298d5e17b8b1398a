"""LangSmith's filters of examples, by their metadata; what is not understood is refused."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from pilothouse.compat.langsmith import expressions
from pilothouse.compat.langsmith.expressions import Call, Name
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.loose import mapping

_PARAM = "filter"
Test = Callable[[Mapping[str, Any]], bool]
"""Says of the metadata of an example whether it is wanted."""


def of(text: str) -> Test:
    """Return the test of a filter; raises `InvalidRequest`."""
    return _test(expressions.read(text, _PARAM))


def having(wanted: Mapping[str, Any]) -> Test:
    """Return the test whether metadata has all of some values."""
    return lambda metadata: wanted.items() <= metadata.items()


def _test(call: Any) -> Test:
    match call:
        case Call(name="and" | "or" | "not" as name, arguments=[_, *_] as arguments):
            parts = [_test(one) for one in arguments]
            if name == "or":
                return lambda metadata: any(one(metadata) for one in parts)
            return lambda metadata: all(one(metadata) for one in parts) is (name == "and")
        case Call(name="exists", arguments=[field, str() as key]) if _is_metadata(field):
            return lambda metadata: key in metadata
        case Call(name="has", arguments=[field, str() as text]) if _is_metadata(field) and (wanted := _object(text)):
            return having(wanted)
        case _:
            raise InvalidRequest(
                f'`{_PARAM}` of examples takes and, or, not, exists(metadata, "key") and '
                'has(metadata, \'{"key": "value"}\')',
                param=_PARAM,
            )


def _is_metadata(field: Any) -> bool:
    return (field.text if isinstance(field, Name) else field) == "metadata"


def _object(text: str) -> dict[str, Any]:
    try:
        return mapping(msgspec.json.decode(text))
    except (msgspec.DecodeError, RecursionError):
        return {}
