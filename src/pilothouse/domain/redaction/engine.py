"""A policy carried out over values: texts, JSON in texts, and attributes by name.

When carrying it out fails, the text is not kept: a mark stands in for it, and the failure is counted and logged.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from pilothouse import instruments
from pilothouse.domain.redaction import names
from pilothouse.domain.redaction.policy import Action, Part, Policy
from pilothouse.domain.redaction.texts import FAILED, MASKED, REMOVED, TextRules

Tally = Counter[str]
"""How often each rule found something."""

_log = logging.getLogger(__name__)
_OPENINGS = ("{", "[", '"')
_NESTED = 6
"""How deep JSON in texts of JSON is looked into as such; below, it is a text like any other."""
_NUMBER_DIGITS = 9
"""Shorter whole numbers are none of what detectors seek."""
_REMEMBERED = 4096
_ESCAPED = re.compile(rb"\\(?:[nrt]|u00(2[013-9a-f]|[34][0-9a-f]|5[0-9abd-f]|6[0-9a-f]|7[0-9a-e]))", re.IGNORECASE)
_SPACE = re.compile(r"\s*")


class Redactor:
    """What one project redacts; pure but for counting failures.

    A redactor without rules is `broken`: it stands for a policy that cannot be read, and keeps no text at all.
    """

    def __init__(self, policy: Policy, secret: bytes) -> None:
        """Raises `ValueError` for a policy that cannot be carried out."""
        self.policy = policy
        self.off = frozenset(policy.off)
        self._rules: TextRules | None = TextRules(policy, secret)
        self._fields = names.FieldNames(policy)
        self._keys: dict[str, str] = {}

    @classmethod
    def broken(cls) -> "Redactor":
        """Return one that keeps no text."""
        made = cls(Policy(), b"")
        made._rules = None
        return made

    def text(self, text: str, tally: Tally) -> str:
        """Return a text redacted; one that is JSON stays JSON."""
        try:
            return self._text(text, tally, _NESTED) if text else text
        except Exception:  # noqa: BLE001 - border: what a rule breaks on must neither be kept nor lose the rest
            return self._failed(tally)

    def data(self, data: bytes, tally: Tally) -> bytes:
        """Return the bytes of a text redacted, those of no text by their patterns alone."""
        try:
            return self.text(data.decode(), tally).encode("utf-8", "replace")
        except UnicodeDecodeError:
            pass
        try:
            return self._ready().redacted(data, tally)
        except Exception:  # noqa: BLE001 - border: as above
            return self._failed(tally).encode()

    def value(self, name: str, value: Any, tally: Tally) -> Any:
        """Return the value of an attribute redacted, by its name first."""
        try:
            found = self._fields.rule_for(name)
            if found is not None:
                return self._field(found, value, tally)
            return self._walked(value, tally, _NESTED)
        except Exception:  # noqa: BLE001 - border: as above
            return self._failed(tally)

    def texts(self, values: Mapping[str, str], tally: Tally) -> dict[str, str]:
        """Return named texts redacted, names too."""
        return {self.key(name, tally): str(self.value(name, value, tally)) for name, value in values.items()}

    def key(self, name: str, tally: Tally) -> str:
        """Return a name redacted."""
        known = self._keys.get(name)
        if known is None:
            known = self.text(name, tally)
            if len(self._keys) < _REMEMBERED and known == name:
                self._keys[name] = known
        return known

    def _ready(self) -> TextRules:
        if self._rules is None:
            raise ValueError("this project's redaction policy cannot be carried out")
        return self._rules

    def _failed(self, tally: Tally) -> str:
        instruments.REDACTION_FAILURES.inc()
        # without the cause: what it was about stands in its message
        _log.error("a text cannot be redacted and is not kept")
        tally["failed"] += 1
        return FAILED

    def _text(self, text: str, tally: Tally, depth: int) -> str:
        rules = self._ready()
        data = text.encode("utf-8", "surrogatepass")
        looks_json = depth > 0 and text[_start(text) : _start(text) + 1] in _OPENINGS and len(text) > 1
        if looks_json:
            if "\\" not in text and not rules.finds(data):
                return text
            found = self._json(text, tally, depth)
            if found is not None:
                return found
            plain = _unescaped(data)
            if rules.finds(plain):
                data = plain
        kept = rules.redacted(data, tally)
        return text if kept is data else kept.decode("utf-8", "surrogatepass")

    def _json(self, text: str, tally: Tally, depth: int) -> str | None:
        """Return a JSON text redacted, None when it is none."""
        twice: list[bool] = []

        def noting(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            made = dict(pairs)
            if len(made) != len(pairs):
                # the values of a name that comes twice would be kept unseen
                twice.append(True)
            return made

        try:
            value = json.loads(text, object_pairs_hook=noting)
        except ValueError:
            return None
        seen: Tally = Counter()
        redacted = self._walked(value, seen, depth - 1)
        tally.update(seen)
        if not seen and not twice:
            return text
        return json.dumps(redacted, ensure_ascii=False, separators=(",", ":"))

    def _walked(self, value: Any, tally: Tally, depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, tally, depth) if value else value
        if isinstance(value, dict):
            return self._object(cast("dict[Any, Any]", value), tally, depth)
        if isinstance(value, list | tuple):
            return [self._walked(item, tally, depth) for item in cast("list[Any]", value)]
        if isinstance(value, bytes):
            return self._ready().redacted(value, tally)
        if isinstance(value, int | float) and abs(value) >= 10 ** (_NUMBER_DIGITS - 1):
            said = str(int(value)) if value == value and abs(value) != float("inf") else ""
            marked = self._ready().redacted(said.encode(), tally).decode()
            return value if marked == said else marked
        return value

    def _object(self, held: dict[Any, Any], tally: Tally, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in held.items():
            # a name that was redacted says no more what it names
            marked = "[" in str(name) and self._ready().is_mark(str(name).rstrip("'"))
            rule = None if marked else self._fields.rule_for(str(name))
            kept = self._walked(value, tally, depth) if rule is None else self._field(rule, value, tally)
            key = self.key(str(name), tally)
            while key in made:
                key += "'"
            made[key] = kept
        return made

    def _field(self, rule: tuple[str, Action], value: Any, tally: Tally) -> Any:
        name, action = rule
        if value is None or value in ("", [], {}) or isinstance(value, bool):
            return value
        rules = self._ready()
        if isinstance(value, str) and rules.is_mark(value):
            return value
        tally[name] += 1
        if action is Action.HASH:
            said = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
            return f"[HASH:{rules.digest(said.encode('utf-8', 'surrogatepass'))}]"
        return MASKED if action is Action.MASK else REMOVED

    def leaves_out(self, part: Part, tally: Tally) -> bool:
        """Return whether a part is left out as a whole; counted when it is."""
        if part in self.off:
            tally[f"off.{part}"] += 1
            return True
        return False


def _unescaped(data: bytes) -> bytes:
    """Return JSON that is broken or cut with its escapes of blanks and of plain characters undone, for the values that
    begin behind one."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]) if match[1] else b"\n", data)


def _start(text: str) -> int:
    match = _SPACE.match(text)
    return match.end() if match else 0


def redact(value: Any, redactor: Redactor) -> tuple[Any, Tally]:
    """Return a value of texts, numbers, lists and objects without what the policy redacts, and how often each rule
    found something."""
    tally: Tally = Counter()
    return redactor.value("", value, tally), tally
