"""Texts without structure: where rules find something, and the text with marks in its place.

All rules look at the same text, and what several find in one place is replaced once, so that nothing is left over
between two of them. That is repeated until nothing is found, which makes the result one that a second pass leaves as
it is. Marks that are there already, ours and those of client-side masks, are not looked into. Long runs of base64 are
passed over but for rules that seek such runs. Linear in the text: expressions run on RE2.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
import re2

from pilothouse.domain.redaction.detectors import DETECTORS
from pilothouse.domain.redaction.policy import Action, FieldRule, PatternRule, Policy

T = TypeVar("T")
_any_re2: Any = re2

REMOVED = "[REMOVED]"
"""Stands for a text that is left out as a whole."""
FAILED = "[REDACTION FAILED]"
"""Stands for a text that could not be redacted and is therefore not kept."""
MASKED = "[REDACTED]"
"""Stands for the value of a field."""

_RUN_CHARS = 256
_LONG_TEXT = 512
_PASSES = 6
_DIGEST_LETTERS = 16
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_MEMORY_BYTES = 32 * 1024**2
_DIGITS = re.compile(rb"[0-9][0-9 ().+/-]{4}|[0-9] ?[A-Za-z0-9]{4}")
_MASK_WORDS = (
    "REDACTED|REMOVED|MASKED|HIDDEN|FILTERED|SCRUBBED|ANONYMI[SZ]ED|SANITI[SZ]ED|PERSON|EMAIL_ADDRESS|EMAIL|PHONE_NUMBER"
    "|CREDIT_CARD|IP_ADDRESS|US_SSN|IBAN_CODE|LOCATION|DATE_TIME|URL|REDACTION FAILED"
)


class Hit(msgspec.Struct, frozen=True):
    """Where a rule found something; offsets in bytes."""

    start: int
    end: int
    rule: "Rule"


class Rule(msgspec.Struct, frozen=True):
    """A detector or an expression, ready to be run."""

    name: str
    label: str
    action: Action
    pattern: Any
    needles: tuple[bytes, ...] | None = None
    """None asks for nothing beforehand, empty for digits."""
    check: Callable[[bytes], bool] | None = None
    canonical: Callable[[bytes], bytes] | None = None
    opaque: bool = False
    group: int = 0

    def hits(self, data: bytes, shift: int = 0) -> Iterator[Hit]:
        """Yield what the rule finds, from left to right."""
        if not self._worth(data):
            return
        for match in self.pattern.finditer(data):
            start, end = match.span(self.group)
            if start < end and (self.check is None or self.check(data[start:end])):
                yield Hit(start + shift, end + shift, self)

    def _worth(self, data: bytes) -> bool:
        if self.needles is None:
            return True
        if self.needles:
            return any(needle in data for needle in self.needles)
        return _DIGITS.search(data) is not None


class TextRules:
    """The rules of one policy over texts; `secret` keys the digests of `hash`."""

    def __init__(self, policy: Policy, secret: bytes) -> None:
        self._secret = secret
        self._rules = (*_detectors(policy), *_fields_in_text(policy.fields), *_patterns(policy.patterns))
        labels = "|".join(re.escape(rule.label) for rule in self._rules)
        self._mark = _compiled(
            rf"\[(?:{labels + '|' if labels else ''}HASH|{_MASK_WORDS})(?::[a-p]{{{_DIGEST_LETTERS}}})?\]"
            rf"|<(?:{_MASK_WORDS})>|__(?:{_MASK_WORDS})__"
        )
        self._runs = _compiled(rf"[A-Za-z0-9+/_=-]{{{_RUN_CHARS},}}")

    def finds(self, data: bytes) -> bool:
        """Return whether there is anything to replace."""
        marks: list[tuple[int, int]] | None = None
        for hit in self._found(data):
            if marks is None:
                marks = self._marks(data)
            if not _inside(hit, marks):
                return True
        return False

    def redacted(self, data: bytes, tally: Counter[str]) -> bytes:
        """Return the text with marks in the place of what the rules find, each counted by its rule's name."""
        for _ in range(_PASSES):
            hits = self._hits(data)
            if not hits:
                return data
            for hit in hits:
                tally[hit.rule.name] += 1
            if any(hit.rule.action is Action.OFF for hit in hits):
                return REMOVED.encode()
            data = self._replaced(data, hits)
        return FAILED.encode()

    def digest(self, value: bytes) -> str:
        """Return letters that are the same for equal values of this project, and tell nothing to those without its
        secret; never a digit, so that no mark looks like a number."""
        raw = hmac.new(self._secret, value, hashlib.sha256).digest()[: _DIGEST_LETTERS // 2]
        return raw.hex().translate(_LETTERS)

    def is_mark(self, text: str) -> bool:
        """Return whether a text is nothing but a mark, or stars as some clients put them."""
        return bool(text) and (not text.strip("*") or self._mark.fullmatch(text) is not None)

    def _hits(self, data: bytes) -> list[Hit]:
        found = list(self._found(data))
        if not found:
            return found
        marks = self._marks(data)
        return _united([hit for hit in found if not _inside(hit, marks)]) if marks else _united(found)

    def _found(self, data: bytes) -> Iterator[Hit]:
        pieces = self._pieces(data)
        for rule in self._rules:
            if rule.opaque:
                yield from rule.hits(data)
            else:
                for start, piece in pieces:
                    yield from rule.hits(piece, start)

    def _marks(self, data: bytes) -> list[tuple[int, int]]:
        return [match.span() for match in self._mark.finditer(data)]

    def _pieces(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return what is between long runs of base64, each with its offset."""
        if len(data) < _LONG_TEXT:
            return [(0, data)]
        pieces: list[tuple[int, bytes]] = []
        at = 0
        for match in self._runs.finditer(data):
            start, end = match.span()
            pieces.append((at, data[at:start]))
            at = end
        pieces.append((at, data[at:] if at else data))
        return pieces

    def _replaced(self, data: bytes, hits: Sequence[Hit]) -> bytes:
        parts: list[bytes] = []
        at = 0
        for hit in hits:
            parts.append(data[at : hit.start])
            parts.append(self._mark_of(hit.rule, data[hit.start : hit.end]))
            at = hit.end
        parts.append(data[at:])
        return b"".join(parts)

    def _mark_of(self, rule: Rule, found: bytes) -> bytes:
        if rule.action is Action.MASK:
            return f"[{rule.label}]".encode()
        value = rule.canonical(found) if rule.canonical else found
        return f"[{rule.label}:{self.digest(value)}]".encode()


def _inside(hit: Hit, spans: Sequence[tuple[int, int]]) -> bool:
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] < hit.end:
            low = middle + 1
        else:
            high = middle
    return low < len(spans) and spans[low][0] <= hit.start and hit.end <= spans[low][1]


def _united(found: list[Hit]) -> list[Hit]:
    """Return hits that do not overlap, those that did as one under the rule that comes first."""
    order = {id(hit): place for place, hit in enumerate(found)}
    kept: list[tuple[int, Hit]] = []
    for hit in sorted(found, key=lambda one: (one.start, order[id(one)])):
        place = order[id(hit)]
        if kept and hit.start < kept[-1][1].end:
            before, last = kept[-1]
            first = last if before <= place else hit
            kept[-1] = min(before, place), Hit(last.start, max(last.end, hit.end), first.rule)
        else:
            kept.append((place, hit))
    return [hit for _place, hit in kept]


def _compiled(pattern: str) -> Any:
    options = _any_re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    return _any_re2.compile(pattern, options)


def _detectors(policy: Policy) -> Iterator[Rule]:
    actions = {rule.detector: rule.action for rule in policy.detectors}
    for name, detector in DETECTORS.items():
        if name in actions:
            yield Rule(
                name, name.upper(), actions[name], _compiled(detector.pattern), detector.needles, detector.check,
                detector.canonical, detector.opaque,
            )  # fmt: skip


def _patterns(rules: Sequence[PatternRule]) -> Iterator[Rule]:
    for rule in rules:
        yield Rule(f"pattern.{rule.name}", rule.name.upper(), rule.action, _compiled(rule.pattern))


def _fields_in_text(rules: Sequence[FieldRule]) -> Iterator[Rule]:
    """Yield what finds fields in text that only looks like JSON: cut off, in Python's form, or amid other words."""
    for rule in rules:
        name = ".*".join(re.escape(part) for part in rule.name.split("*")).replace(".*", r"[^\"'\\]{0,60}")
        # a name without a dot is also one step of a dotted name
        before, after = ("", "") if "." in rule.name else (r"(?:[^\"'\\]{0,60}\.)?", r"(?:\.[^\"'\\]{0,60})?")
        pattern = (
            rf"(?i)[\"']{before}{name}{after}\\{{0,3}}[\"']\s*[:=]\s*"
            r"(\\{0,3}\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|\[[^\]]*\]?|\{[^}]*\}?|[^\s,}\]]+)"
        )
        yield Rule(f"field.{rule.name}", "REDACTED", rule.action, _compiled(pattern), group=1)


def pattern_problem(pattern: str) -> str | None:
    """Return why an expression cannot be used, None when it can."""
    try:
        compiled = _compiled(pattern)
    except _any_re2.error as error:
        said: Any = error.args[0] if error.args else ""
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return "it matches nothing at all, everywhere" if compiled.fullmatch("") is not None else None
