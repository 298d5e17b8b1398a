"""Rows of how scores are to be, of leave to give some, and of likes."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from pilothouse.domain.score import ScoreType
from pilothouse.domain.score_config import Category, ScoreConfig, ScoreTicket
from pilothouse.store.metadata.access import to_json
from pilothouse.store.metadata.scoring_tables import prompt_likes as _likes
from pilothouse.store.metadata.scoring_tables import score_configs as _configs
from pilothouse.store.metadata.scoring_tables import score_tickets as _tickets

_categories = msgspec.json.Decoder(tuple[Category, ...])


class ScoreConfigs:
    """How scores are to be, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, project_id: str) -> list[ScoreConfig]:
        """Return those of a project, the newest first."""
        wanted = select(_configs).where(_configs.c.project_id == project_id)
        rows = self._connection.execute(wanted.order_by(_configs.c.created_at_ns.desc(), _configs.c.id.desc()))
        return [_config(row) for row in rows.mappings()]

    def get(self, project_id: str, config_id: str) -> ScoreConfig | None:
        """Return one."""
        wanted = select(_configs).where(_configs.c.project_id == project_id, _configs.c.id == config_id)
        row = self._connection.execute(wanted).mappings().one_or_none()
        return _config(row) if row else None

    def insert(self, config: ScoreConfig) -> None:
        """Add one."""
        self._connection.execute(insert(_configs).values(_values(config)))

    def replace(self, config: ScoreConfig) -> None:
        """Write every field of one that is there."""
        self._connection.execute(update(_configs).where(_configs.c.id == config.id).values(_values(config)))

    def delete(self, config_id: str) -> None:
        """Remove one."""
        self._connection.execute(delete(_configs).where(_configs.c.id == config_id))


class ScoreTickets:
    """Leave to give scores, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, ticket_id: str) -> ScoreTicket | None:
        """Return one, of whichever project."""
        row = self._connection.execute(select(_tickets).where(_tickets.c.id == ticket_id)).mappings().one_or_none()
        return _ticket(row) if row else None

    def of_run(self, project_id: str, run_id: str) -> list[ScoreTicket]:
        """Return those of a run, the earliest first."""
        wanted = select(_tickets).where(_tickets.c.project_id == project_id, _tickets.c.run_id == run_id)
        rows = self._connection.execute(wanted.order_by(_tickets.c.created_at_ns, _tickets.c.id)).mappings()
        return [_ticket(row) for row in rows]

    def insert(self, tickets: Sequence[ScoreTicket]) -> None:
        """Add some."""
        rows = [{**msgspec.structs.asdict(one), "details": to_json(one.details)} for one in tickets]
        self._connection.execute(insert(_tickets), rows)

    def tidy(self, before_ns: int) -> None:
        """Remove those that ended."""
        self._connection.execute(delete(_tickets).where(_tickets.c.expires_at_ns < before_ns))


class PromptLikes:
    """Who likes which prompt, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, prompt_id: str, actor: str, *, likes: bool) -> None:
        """Note that somebody likes a prompt, or no longer does."""
        self._connection.execute(delete(_likes).where(_likes.c.prompt_id == prompt_id, _likes.c.actor == actor))
        if likes:
            self._connection.execute(insert(_likes).values(prompt_id=prompt_id, actor=actor))

    def counts(self, prompt_ids: Sequence[str]) -> dict[str, int]:
        """Return by how many each of some prompts is liked."""
        wanted = select(_likes.c.prompt_id, func.count()).where(_likes.c.prompt_id.in_(prompt_ids))
        rows = self._connection.execute(wanted.group_by(_likes.c.prompt_id))
        return {prompt_id: int(count) for prompt_id, count in rows}

    def of_actor(self, actor: str, prompt_ids: Sequence[str]) -> set[str]:
        """Return which of some prompts somebody likes."""
        wanted = select(_likes.c.prompt_id).where(_likes.c.actor == actor, _likes.c.prompt_id.in_(prompt_ids))
        return set(self._connection.execute(wanted).scalars())


def _values(config: ScoreConfig) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(config),
        "type": config.type.value,
        "categories": to_json(config.categories),
        "details": to_json(config.details),
    }


def _config(row: RowMapping) -> ScoreConfig:
    values: dict[str, Any] = {
        **row, "type": ScoreType(row["type"]), "categories": _categories.decode(row["categories"]),
        "details": msgspec.json.decode(row["details"]),
    }  # fmt: skip
    return ScoreConfig(**values)


def _ticket(row: RowMapping) -> ScoreTicket:
    values: dict[str, Any] = {**row, "details": msgspec.json.decode(row["details"])}
    return ScoreTicket(**values)
