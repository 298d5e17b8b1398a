"""A project's redaction policy as plain data."""

from enum import StrEnum

import msgspec


class Action(StrEnum):
    """What happens to what a rule finds."""

    MASK = "mask"
    """A mark that names the rule stands in for it, such as `[EMAIL]`."""
    HASH = "hash"
    """A mark with a keyed digest, such as `[EMAIL:cgkp…]`: equal values keep equal marks within the project."""
    OFF = "off"
    """The whole text that holds it is left out, and `[REMOVED]` says so."""


class Part(StrEnum):
    """A part of what is recorded that can be left out as a whole."""

    INPUT = "input"
    OUTPUT = "output"
    METADATA = "metadata"
    ATTRIBUTES = "attributes"
    """Those of an application's own naming; names that a vocabulary of traces reads stay."""
    EVENTS = "events"
    DOCUMENTS = "documents"
    """What retrieval found."""


class DetectorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Finds one kind of value in any text."""

    detector: str
    """A name of `detectors.DETECTORS`, such as `email`."""
    action: Action = Action.MASK


class PatternRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Finds what an expression of the operator's own matches."""

    name: str
    """Lower-case letters, digits and `_`; stands in the mark."""
    pattern: str
    """In the syntax of RE2."""
    action: Action = Action.MASK


class FieldRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Finds values by the name they stand under: a key of a JSON object at any depth, or an attribute."""

    name: str
    """In any case; `*` stands for any part. Without a dot it also matches one step of a dotted name."""
    action: Action = Action.MASK


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a project redacts before anything is written; without a rule it redacts nothing."""

    detectors: tuple[DetectorRule, ...] = ()
    patterns: tuple[PatternRule, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    off: tuple[Part, ...] = ()
    """Parts that are left out as a whole."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to redact."""
        return not (self.detectors or self.patterns or self.fields or self.off)


class ProjectPolicy(msgspec.Struct, frozen=True):
    """A policy in force, as a snapshot holds it."""

    project_id: str
    version: int
    """Grows by one with every change of this policy."""
    policy: Policy
