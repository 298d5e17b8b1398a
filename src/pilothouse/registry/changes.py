"""What callers hand in to create and change things of the registry, and how it is checked."""

import msgspec
from msgspec import UNSET, UnsetType

from pilothouse.domain.access import Permission
from pilothouse.domain.snapshot import Target


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual key to create."""

    project_id: str
    name: str
    """Unique among the project's keys that are not revoked."""
    permissions: tuple[Permission, ...] = (Permission.INFERENCE,)
    models: tuple[str, ...] = ()
    """Patterns of model names, `*` for any part; empty means every model."""
    expires_at_ns: int | None = None
    """In the future; None never expires."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A provider account to create."""

    name: str
    """Lower-case letters, digits, `.`, `_` and `-`; cannot be changed later, since callers name it."""
    provider: str
    base_url: str = ""
    """Empty means the provider's own."""
    secret: str = ""
    """The provider key in the clear."""
    models: tuple[str, ...] = ()
    open_models: bool = True
    enabled: bool = True
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every call; shown to people, so no place for secrets."""

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"NewAccount(name={self.name!r}, provider={self.provider!r}, base_url={self.base_url!r}, secret=…)"


class AccountChange(msgspec.Struct, frozen=True, kw_only=True):
    """Changes to a provider account; what is unset stays as it is."""

    base_url: str | UnsetType = UNSET
    """Changing where calls go needs the secret again, so that nobody can have a stored secret sent elsewhere."""
    secret: str | UnsetType = UNSET
    """Empty removes the stored one."""
    models: tuple[str, ...] | UnsetType = UNSET
    open_models: bool | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET
    headers: tuple[tuple[str, str], ...] | UnsetType = UNSET

    def __repr__(self) -> str:
        """Leave the secret out."""
        return f"AccountChange(base_url={self.base_url!r}, secret=…, enabled={self.enabled!r})"


class ManagedAlias(msgspec.Struct, frozen=True, kw_only=True):
    """An alias that the installation itself keeps up."""

    name: str
    targets: tuple[Target, ...]
