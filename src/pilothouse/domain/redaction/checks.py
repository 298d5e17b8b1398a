"""Whether a policy can be carried out, said to whoever writes one."""

import re
from collections.abc import Iterable

from pilothouse.domain.redaction.detectors import DETECTORS
from pilothouse.domain.redaction.policy import Policy
from pilothouse.domain.redaction.texts import pattern_problem
from pilothouse.errors import InvalidRequest

MOST_PATTERNS = 50
MOST_FIELDS = 200
LONGEST_PATTERN = 500
LONGEST_FIELD = 200
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def check(policy: Policy) -> None:
    """Raise `InvalidRequest` that names the place for a policy that cannot be carried out."""
    for place, rule in enumerate(policy.detectors):
        if rule.detector not in DETECTORS:
            raise InvalidRequest(
                f"there is no detector {rule.detector!r}; there are: {', '.join(DETECTORS)}",
                param=f"detectors/{place}/detector",
            )
    _once((rule.detector for rule in policy.detectors), "detectors")
    _patterns(policy)
    _fields(policy)
    _once(policy.off, "off")


def _patterns(policy: Policy) -> None:
    if len(policy.patterns) > MOST_PATTERNS:
        raise InvalidRequest(f"a policy has {MOST_PATTERNS} patterns at most", param="patterns")
    for place, rule in enumerate(policy.patterns):
        if not _NAME.fullmatch(rule.name) or rule.name in DETECTORS:
            raise InvalidRequest(
                "a pattern's name is up to 32 lower-case letters, digits and '_', and no detector's",
                param=f"patterns/{place}/name",
            )
        if not 0 < len(rule.pattern) <= LONGEST_PATTERN:
            raise InvalidRequest(f"a pattern has 1 to {LONGEST_PATTERN} characters", param=f"patterns/{place}/pattern")
        problem = pattern_problem(rule.pattern)
        if problem is not None:
            raise InvalidRequest(f"this pattern cannot be used: {problem}", param=f"patterns/{place}/pattern")
    _once((rule.name for rule in policy.patterns), "patterns")


def _fields(policy: Policy) -> None:
    if len(policy.fields) > MOST_FIELDS:
        raise InvalidRequest(f"a policy has {MOST_FIELDS} field names at most", param="fields")
    for place, rule in enumerate(policy.fields):
        if not 0 < len(rule.name) <= LONGEST_FIELD or not rule.name.strip("*. "):
            raise InvalidRequest(
                f"a field name has 1 to {LONGEST_FIELD} characters, not only '*'", param=f"fields/{place}/name"
            )
    _once((rule.name.casefold() for rule in policy.fields), "fields")


def _once(names: Iterable[str], param: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidRequest(f"{name!r} comes twice", param=param)
        seen.add(name)
