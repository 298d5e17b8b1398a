"""Rows of provider accounts and aliases."""

import msgspec
from sqlalchemy import Connection, Row, delete, insert, select, update

from pilothouse.domain.snapshot import Account, Alias, Target
from pilothouse.store.metadata import tables
from pilothouse.store.metadata.access import to_json

_accounts = tables.accounts
_aliases = tables.aliases


class Accounts:
    """The provider accounts, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Account]:
        """Return every account, by name."""
        rows = self._connection.execute(select(_accounts)).all()
        return sorted((_account(row) for row in rows), key=lambda account: account.name)

    def get(self, account_id: str) -> Account | None:
        """Return one account."""
        row = self._connection.execute(select(_accounts).where(_accounts.c.id == account_id)).one_or_none()
        return _account(row) if row else None

    def by_name(self, name: str) -> Account | None:
        """Return the account of a name."""
        row = self._connection.execute(select(_accounts).where(_accounts.c.name == name)).one_or_none()
        return _account(row) if row else None

    def insert(self, account: Account) -> None:
        """Add an account; raises `Conflict` when the name is taken."""
        self._connection.execute(insert(_accounts).values(_account_values(account)))

    def replace(self, account: Account) -> None:
        """Write every field of an account that exists."""
        self._connection.execute(update(_accounts).where(_accounts.c.id == account.id).values(_account_values(account)))

    def delete(self, account_id: str) -> None:
        """Remove an account."""
        self._connection.execute(delete(_accounts).where(_accounts.c.id == account_id))


class Aliases:
    """The aliases, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Alias]:
        """Return every alias, by name."""
        rows = self._connection.execute(select(_aliases)).all()
        return sorted((_alias(row) for row in rows), key=lambda alias: alias.name)

    def get(self, alias_id: str) -> Alias | None:
        """Return one alias."""
        row = self._connection.execute(select(_aliases).where(_aliases.c.id == alias_id)).one_or_none()
        return _alias(row) if row else None

    def by_name(self, name: str) -> Alias | None:
        """Return the alias of a name."""
        row = self._connection.execute(select(_aliases).where(_aliases.c.name == name)).one_or_none()
        return _alias(row) if row else None

    def insert(self, alias: Alias) -> None:
        """Add an alias; raises `Conflict` when the name is taken."""
        self._connection.execute(insert(_aliases).values(_alias_values(alias)))

    def replace(self, alias: Alias) -> None:
        """Write every field of an alias that exists."""
        self._connection.execute(update(_aliases).where(_aliases.c.id == alias.id).values(_alias_values(alias)))

    def delete(self, alias_id: str) -> None:
        """Remove an alias."""
        self._connection.execute(delete(_aliases).where(_aliases.c.id == alias_id))


def _account_values(account: Account) -> dict[str, object]:
    return {**msgspec.structs.asdict(account), "models": to_json(account.models), "headers": to_json(account.headers)}


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        id=row.id,
        name=row.name,
        provider=row.provider,
        base_url=row.base_url,
        sealed_secret=row.sealed_secret,
        models=msgspec.json.decode(row.models, type=tuple[str, ...]),
        open_models=row.open_models,
        enabled=row.enabled,
        managed=row.managed,
        created_at_ns=row.created_at_ns,
        headers=msgspec.json.decode(row.headers, type=tuple[tuple[str, str], ...]),
    )


def _alias_values(alias: Alias) -> dict[str, object]:
    return {**msgspec.structs.asdict(alias), "targets": to_json(alias.targets)}


def _alias(row: Row[tuple[object, ...]]) -> Alias:
    return Alias(
        id=row.id,
        name=row.name,
        targets=msgspec.json.decode(row.targets, type=tuple[Target, ...]),
        managed=row.managed,
        created_at_ns=row.created_at_ns,
    )
