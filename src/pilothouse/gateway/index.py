"""A snapshot laid out for look-up: key by digest, model name to targets; one immutable value, replaced whole."""

import difflib
from collections.abc import Callable
from typing import Protocol

import msgspec

from pilothouse.domain.access import KeyKind, Permission, VirtualKey, digest, model_allowed, well_formed
from pilothouse.domain.redaction.projects import Redactors
from pilothouse.domain.snapshot import Account, Alias, Snapshot, Target
from pilothouse.errors import (
    KeyExpired,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    ModelForbidden,
    ModelUnknown,
    PermissionMissing,
)
from pilothouse.providers.base import Prepared, Provider

_LISTED_MODELS = 20
_REMEMBERED_NAMES = 4096


class Deployment(msgspec.Struct, frozen=True):
    """An account ready to be called."""

    account: Account
    provider: Provider
    prepared: Prepared | None = None
    """The provider itself, when it needs a token of short life."""


class Resolution(msgspec.Struct, frozen=True):
    """Where a requested model name leads."""

    alias: str
    """The alias' name, empty when the name was `account/model` or a bare model name."""
    targets: tuple[Target, ...]


class MakeDeployment(Protocol):
    """Builds the provider of an account; raises `SettingsInvalid` when it cannot."""

    def __call__(self, account: Account) -> Deployment: ...


class Index:
    """Answers every question that the gateway asks of its snapshot, without I/O."""

    def __init__(
        self,
        snapshot: Snapshot,
        make: MakeDeployment,
        on_broken: Callable[[Account, Exception], None],
        redactors: Redactors | None = None,
    ) -> None:
        self.version = snapshot.version
        self.redactors = redactors or Redactors()
        """What each project redacts."""
        self._keys = {key.digest: key for key in snapshot.keys}
        self._keys_by_id = {key.id: key for key in snapshot.keys}
        self._aliases: dict[str, Alias] = {alias.name: alias for alias in snapshot.aliases}
        self.deployments: dict[str, Deployment] = {}
        for account in snapshot.accounts:
            if account.enabled:
                try:
                    self.deployments[account.name] = make(account)
                except Exception as error:  # noqa: BLE001 - border: one broken account must not take the others down
                    on_broken(account, error)
        self._resolved: dict[str, Resolution] = {}
        self._bare: dict[str, list[Target]] = {}
        for deployment in self.deployments.values():
            for model in deployment.account.models:
                self._bare.setdefault(model, []).append(Target(account=deployment.account.name, model=model))

    def key(self, secret: bytes, now_ns: int) -> VirtualKey:
        """Return the key of a secret; raises `KeyMissing`, `KeyUnknown`, `KeyRevoked` or `KeyExpired`."""
        if not secret:
            raise KeyMissing("send a Pilothouse key as 'Authorization: Bearer ph_…'")
        return self.key_of_digest(digest(secret), secret, now_ns)

    def key_of_digest(self, digest_: str, secret: bytes, now_ns: int) -> VirtualKey:
        """Return the key of a secret whose digest is known; raises as `key`."""
        found = self._keys.get(digest_)
        if found is None:
            raise KeyUnknown(_why_unknown(secret.decode("latin-1")))
        return _valid(found, now_ns)

    def key_of(self, key_id: str, now_ns: int) -> VirtualKey:
        """Return the key of an id; raises `KeyUnknown`, `KeyRevoked` or `KeyExpired`."""
        found = self._keys_by_id.get(key_id)
        if found is None:
            raise KeyUnknown("the key in whose name the call was to be made is gone; it was revoked or has expired")
        return _valid(found, now_ns)

    def resolve(self, model: str) -> Resolution:
        """Return where a model name leads; raises `ModelUnknown` that says which names exist."""
        found = self._resolved.get(model)
        if found is None:
            found = self._resolve(model)
            if len(self._resolved) < _REMEMBERED_NAMES:
                self._resolved[model] = found
        return found

    def _resolve(self, model: str) -> Resolution:
        alias = self._aliases.get(model)
        if alias is not None:
            targets = tuple(target for target in alias.targets if target.account in self.deployments)
            if targets:
                return Resolution(model, targets)
            raise ModelUnknown(f"the alias {model!r} leads to no enabled provider account", param="model")
        account_name, slash, name = model.partition("/")
        deployment = self.deployments.get(account_name) if slash else None
        if deployment is not None and name and (deployment.account.open_models or name in deployment.account.models):
            return Resolution("", (Target(account=account_name, model=name),))
        bare = self._bare.get(model, ())
        if len(bare) == 1:
            return Resolution("", (bare[0],))
        if bare:
            accounts = ", ".join(f"{target.account}/{model}" for target in bare)
            raise ModelUnknown(f"several accounts serve {model!r}; name one: {accounts}", param="model")
        raise ModelUnknown(self._why_unknown_model(model), param="model")

    def check_scope(self, key: VirtualKey, model: str, resolution: Resolution) -> None:
        """Raise `ModelForbidden` unless the key may call the name, or every target that it leads to."""
        if not key.models or model_allowed(key.models, model):
            return
        if all(model_allowed(key.models, f"{target.account}/{target.model}") for target in resolution.targets):
            return
        raise ModelForbidden(
            f"the key {key.hint} may not call {model!r}; its scope is: {', '.join(key.models)}", param="model"
        )

    def callable_names(self, key: VirtualKey) -> list[tuple[str, str]]:
        """Return the model names that the key may call, each with the account or `alias` that owns it."""
        names = [(name, "alias") for name in self._aliases]
        names += [(f"{name}/{model}", name) for name, item in self.deployments.items() for model in item.account.models]
        return sorted(item for item in names if self._in_scope(key, item[0]))

    def _in_scope(self, key: VirtualKey, name: str) -> bool:
        try:
            self.check_scope(key, name, self.resolve(name))
        except (ModelForbidden, ModelUnknown):
            return False
        return True

    def _why_unknown_model(self, model: str) -> str:
        known = sorted([*self._aliases, *(f"{n}/{m}" for n, d in self.deployments.items() for m in d.account.models)])
        if not known:
            return f"no model {model!r}: no provider account is set up yet; add one under Settings, Providers"
        close = difflib.get_close_matches(model, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        more = f" and {len(known) - _LISTED_MODELS} more" if len(known) > _LISTED_MODELS else ""
        return f"no model {model!r}{hint} There are: {', '.join(known[:_LISTED_MODELS])}{more}"


def _valid(key: VirtualKey, now_ns: int) -> VirtualKey:
    if key.revoked_at_ns is not None and key.revoked_at_ns <= now_ns:
        raise KeyRevoked(f"the key {key.hint} ({key.name}) was revoked; create a new one under Settings, Keys")
    if key.expires_at_ns is not None and key.expires_at_ns <= now_ns:
        raise KeyExpired(f"the key {key.hint} ({key.name}) has expired; create a new one under Settings, Keys")
    if Permission.INFERENCE not in key.permissions:
        raise PermissionMissing(f"the key {key.hint} ({key.name}) has no permission 'inference'")
    return key


def _why_unknown(secret: str) -> str:
    if not secret.startswith(KeyKind.VIRTUAL_KEY):
        return "this is not a Pilothouse key (they start with 'ph_'); create one under Settings, Keys"
    if not well_formed(secret, KeyKind.VIRTUAL_KEY):
        return "the key is mistyped or cut off: its checksum does not fit"
    return "no such key in this installation; create one under Settings, Keys"
