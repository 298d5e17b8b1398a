"""Rows of prompts, their versions and labels."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, exists, func, insert, select, update

from pilothouse.domain.prompt import LATEST, Prompt, PromptKind, PromptSeen, PromptVersion
from pilothouse.store.metadata.access import to_json
from pilothouse.store.metadata.registry_tables import prompt_labels as _labels
from pilothouse.store.metadata.registry_tables import prompt_versions as _versions
from pilothouse.store.metadata.registry_tables import prompts as _prompts


class PromptFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which prompts to list, by name; all that is given must hold."""

    project_id: str
    part: str = ""
    """Of the name, in any case of its letters."""
    name: str = ""
    tag: str = ""
    label: str = ""
    limit: int = 50
    offset: int = 0


class Prompts:
    """The prompts, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def page(self, wanted: PromptFilter) -> tuple[list[Prompt], int]:
        """Return a page by name, and how many there are on all pages."""
        kept = [_prompts.c.project_id == wanted.project_id]
        if wanted.part:
            kept.append(func.lower(_prompts.c.name).contains(wanted.part.lower(), autoescape=True))
        if wanted.name:
            kept.append(_prompts.c.name == wanted.name)
        if wanted.tag:
            kept.append(_prompts.c.tags.contains(to_json(wanted.tag), autoescape=True))
        if wanted.label and wanted.label != LATEST:
            kept.append(exists().where(_labels.c.prompt_id == _prompts.c.id, _labels.c.label == wanted.label))
        total = self._connection.execute(select(func.count()).select_from(_prompts).where(*kept)).scalar_one()
        found = select(_prompts).where(*kept).order_by(_prompts.c.name).limit(wanted.limit).offset(wanted.offset)
        return [_prompt(row) for row in self._connection.execute(found).mappings()], total

    def by_name(self, project_id: str, name: str) -> Prompt | None:
        """Return the prompt of a name."""
        found = select(_prompts).where(_prompts.c.project_id == project_id, _prompts.c.name == name)
        row = self._connection.execute(found).mappings().one_or_none()
        return _prompt(row) if row else None

    def get(self, project_id: str, prompt_id: str) -> Prompt | None:
        """Return one prompt by its id."""
        found = select(_prompts).where(_prompts.c.project_id == project_id, _prompts.c.id == prompt_id)
        row = self._connection.execute(found).mappings().one_or_none()
        return _prompt(row) if row else None

    def insert(self, prompt: Prompt) -> None:
        """Add a prompt; raises `Conflict` when the name is taken."""
        self._connection.execute(insert(_prompts).values(_prompt_values(prompt)))

    def replace(self, prompt: Prompt) -> None:
        """Write every field of a prompt that exists."""
        self._connection.execute(update(_prompts).where(_prompts.c.id == prompt.id).values(_prompt_values(prompt)))

    def delete(self, prompt_id: str) -> None:
        """Remove a prompt with all its versions."""
        self._connection.execute(delete(_prompts).where(_prompts.c.id == prompt_id))

    def insert_version(self, version: PromptVersion) -> None:
        """Add a version; raises `Conflict` when the same is there."""
        values = {**msgspec.structs.asdict(version)}
        for name in ("content", "config", "native"):
            values[name] = to_json(values[name])
        self._connection.execute(insert(_versions).values(values))

    def delete_version(self, prompt_id: str, number: int) -> None:
        """Remove one version and the labels on it."""
        for table in (_labels, _versions):
            gone = delete(table).where(table.c.prompt_id == prompt_id, table.c.number == number)
            self._connection.execute(gone)

    def version(self, prompt_id: str, number: int) -> PromptVersion | None:
        """Return one version."""
        found = select(_versions).where(_versions.c.prompt_id == prompt_id, _versions.c.number == number)
        row = self._connection.execute(found).mappings().one_or_none()
        return _version(row) if row else None

    def by_digest(self, prompt_id: str, digest: str) -> PromptVersion | None:
        """Return the version whose digest begins with these digits, the newest of several."""
        found = select(_versions).where(
            _versions.c.prompt_id == prompt_id, _versions.c.digest.startswith(digest, autoescape=True)
        )
        row = self._connection.execute(found.order_by(_versions.c.number.desc()).limit(1)).mappings().one_or_none()
        return _version(row) if row else None

    def versions(self, prompt_id: str, limit: int, offset: int = 0) -> tuple[list[PromptVersion], int]:
        """Return versions, the newest first, and how many there are."""
        of_prompt = _versions.c.prompt_id == prompt_id
        total = self._connection.execute(select(func.count()).select_from(_versions).where(of_prompt)).scalar_one()
        found = select(_versions).where(of_prompt).order_by(_versions.c.number.desc()).limit(limit).offset(offset)
        return [_version(row) for row in self._connection.execute(found).mappings()], total

    def numbers(self, prompt_ids: Sequence[str]) -> dict[str, list[int]]:
        """Return the numbers of the versions of prompts, in their order."""
        found = select(_versions.c.prompt_id, _versions.c.number).where(_versions.c.prompt_id.in_(prompt_ids))
        held: dict[str, list[int]] = {}
        for prompt_id, number in self._connection.execute(found.order_by(_versions.c.number)):
            held.setdefault(prompt_id, []).append(number)
        return held

    def labels(self, prompt_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the labels of prompts with the version that each is on, `latest` left out."""
        found = select(_labels).where(_labels.c.prompt_id.in_(prompt_ids)).order_by(_labels.c.label)
        held: dict[str, dict[str, int]] = {}
        for row in self._connection.execute(found):
            held.setdefault(row.prompt_id, {})[row.label] = row.number
        return held

    def move_label(self, prompt_id: str, label: str, number: int | None) -> None:
        """Put a label on a version, and take it from the one that had it; None takes it away."""
        gone = delete(_labels).where(_labels.c.prompt_id == prompt_id, _labels.c.label == label)
        self._connection.execute(gone)
        if number is not None:
            self._connection.execute(insert(_labels).values(prompt_id=prompt_id, label=label, number=number))

    def seen(self, prompt: Prompt, version: PromptVersion) -> PromptSeen:
        """Return a version with its labels."""
        held = self.labels([prompt.id]).get(prompt.id, {})
        labels = [label for label, number in held.items() if number == version.number]
        return PromptSeen(prompt, version, tuple(sorted(labels + [LATEST] * (version.number == prompt.newest))))


def _prompt_values(prompt: Prompt) -> dict[str, Any]:
    return {**msgspec.structs.asdict(prompt), "kind": prompt.kind.value, "tags": to_json(prompt.tags)}


def _prompt(row: RowMapping) -> Prompt:
    values: dict[str, Any] = dict(row)
    values["tags"] = tuple(msgspec.json.decode(values["tags"], type=list[str]))
    values["kind"] = PromptKind(values["kind"])
    return Prompt(**values)


def _version(row: RowMapping) -> PromptVersion:
    values = dict(row)
    for name in ("content", "config", "native"):
        values[name] = msgspec.json.decode(values[name])
    return PromptVersion(**values)
