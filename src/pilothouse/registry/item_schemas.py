"""Whether items fit the schemas of their dataset."""

from typing import Any, cast

import jsonschema_rs

from pilothouse.domain.dataset import Dataset, DatasetItem
from pilothouse.errors import InvalidRequest
from pilothouse.protocols.schema_cost import Counter, Uncountable, size

_MOST_CHECKS = 1_000_000
_MOST_NESTING = 200
_SHOWN_CHARS = 300
_LINEAR = jsonschema_rs.RegexOptions()


class ItemSchemas:
    """The schemas of a dataset, each built once."""

    def __init__(self, dataset: Dataset) -> None:
        self._schemas = {
            "input": dataset.input_schema,
            "expected_output": dataset.expected_output_schema,
        }
        self._built: dict[str, Any] = {}

    def check_themselves(self) -> None:
        """Raise `InvalidRequest` for a schema that cannot be used."""
        for name, schema in self._schemas.items():
            if schema is not None:
                self._build(name)

    def check(self, item: DatasetItem, place: int) -> None:
        """Raise `InvalidRequest` for an item that does not fit; `place` is where it stands in the request."""
        for name, schema in self._schemas.items():
            value = getattr(item, name)
            if schema is None or (value is None and name == "expected_output"):
                continue
            validator = self._build(name)
            self._bound(name, schema, value)
            try:
                validator.validate(value)
            except jsonschema_rs.ValidationError as error:
                where = "/".join(str(step) for step in error.instance_path)
                raise InvalidRequest(
                    f"item {place} does not fit the dataset's schema of {name}: {error.message[:_SHOWN_CHARS]}",
                    param=f"/items/{place}/{name}{'/' if where else ''}{where}",
                ) from error

    def _build(self, name: str) -> Any:
        if name not in self._built:
            schema = self._schemas[name]
            if not isinstance(schema, dict):
                raise InvalidRequest("a schema must be a JSON object", param=f"{name}_schema")
            try:
                self._built[name] = jsonschema_rs.validator_for(
                    cast("dict[str, Any]", schema), offline=True, pattern_options=_LINEAR
                )
            except ValueError as error:
                told = getattr(error, "message", str(error))[:_SHOWN_CHARS]
                raise InvalidRequest(f"the schema cannot be used: {told}", param=f"{name}_schema") from error
        return self._built[name]

    def _bound(self, name: str, schema: dict[str, Any], value: Any) -> None:
        measure = size(value)
        try:
            cost = Counter(schema).cost(measure.depth)
        except Uncountable as error:
            raise InvalidRequest(f"the schema cannot be used: {error}", param=f"{name}_schema") from error
        if cost.checks * measure.values > _MOST_CHECKS or cost.nesting > _MOST_NESTING:
            raise InvalidRequest("the schema is too much work for this item", param=f"{name}_schema")
