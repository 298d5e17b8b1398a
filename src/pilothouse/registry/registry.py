"""The registry: projects, virtual keys, provider accounts and aliases, and the snapshot made of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from pilothouse.domain import access
from pilothouse.domain.access import KeyKind, Project, Role, VirtualKey
from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.snapshot import Account, Alias, Snapshot, Target
from pilothouse.errors import Conflict, InvalidRequest, KeyExpired, KeyRevoked, KeyUnknown, NotFound, SettingsInvalid
from pilothouse.registry import addresses, kinds, managed, rules
from pilothouse.registry.changes import AccountChange, ManagedAlias, NewAccount, NewKey
from pilothouse.registry.redaction import RedactionPolicies
from pilothouse.registry.sealing import Sealer
from pilothouse.registry.writer import Change, Outcome, Writer
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry

T = TypeVar("T")
_DAY_NS = 86_400 * 1_000_000_000
ENDED_KEYS_NS = 30 * _DAY_NS
"""How long an expired or revoked key stays in the snapshot."""


class Registry:
    """What the gateway serves with, and the only way to change it.

    Every change is one transaction that also writes the audit and raises the version, and names its `actor`:
    `person:<id>`, `key:<id>`, or a part of the installation such as `start`. Methods raise `InvalidRequest` with the
    field, `NotFound`, `Conflict`, and what `Metadata` raises.
    """

    def __init__(self, metadata: Metadata, secret_box: SecretBox, clock: Clock) -> None:
        self._metadata = metadata
        self._sealer = Sealer(secret_box)
        self._clock = clock
        self._writer = Writer(metadata, clock)
        self.redaction = RedactionPolicies(metadata, self._writer, secret_box, clock)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Have `listener` called on the event loop after each change that the gateway must see."""
        self._writer.listeners.append(listener)

    # Projects

    async def list_projects(self) -> list[Project]:
        """Return every project, oldest first."""
        return await self._metadata.read(lambda tx: tx.projects.all())

    async def create_project(self, name: str, *, actor: str) -> Project:
        """Create a project, owned by the person who creates it, else by everybody who owns a project already."""
        project = Project(new_id(), rules.display_name(name), self._clock.now_ns())

        def work(tx: Transaction) -> Outcome[Project]:
            _refuse_taken(project.name, (other.name for other in tx.projects.all()), "project")
            tx.projects.insert(project)
            for person in tx.people.all():
                if actor == f"person:{person.id}" or (
                    not actor.startswith("person:") and person.highest_role is Role.OWNER
                ):
                    tx.people.set_role(person.id, project.id, Role.OWNER)
            return Outcome(project)

        return await self._writer.change(work, Change(actor, "project.create", project.id, {"name": project.name}))

    async def rename_project(self, project_id: str, name: str, *, actor: str) -> Project:
        """Change a project's name."""
        wanted = rules.display_name(name)

        def work(tx: Transaction) -> Outcome[Project]:
            project = _found(tx.projects.get(project_id), "project")
            if project.name == wanted:
                return Outcome(project, changed=False)
            _refuse_taken(wanted, (other.name for other in tx.projects.all() if other.id != project_id), "project")
            tx.projects.rename(project_id, wanted)
            return Outcome(msgspec.structs.replace(project, name=wanted))

        return await self._writer.change(work, Change(actor, "project.rename", project_id, {"name": wanted}))

    # Virtual keys

    async def list_keys(self, project_id: str) -> list[VirtualKey]:
        """Return every key of a project, ended ones too, newest first."""
        return await self._metadata.read(lambda tx: tx.keys.of_project(project_id))

    async def create_key(self, new: NewKey, *, actor: str) -> tuple[VirtualKey, str]:
        """Create a key and return it with its secret, which is kept nowhere and cannot be shown again."""
        now_ns = self._clock.now_ns()
        secret = access.mint(KeyKind.VIRTUAL_KEY)
        key = VirtualKey(
            id=new_id(),
            project_id=new.project_id,
            name=rules.display_name(new.name),
            digest=access.digest(secret),
            hint=access.hint(secret),
            permissions=rules.permissions(new.permissions),
            models=rules.model_patterns(new.models),
            created_at_ns=now_ns,
            expires_at_ns=rules.expiry(new.expires_at_ns, now_ns),
        )

        def work(tx: Transaction) -> Outcome[VirtualKey]:
            _found(tx.projects.get(key.project_id), "project")
            live = (other.name for other in tx.keys.of_project(key.project_id) if other.revoked_at_ns is None)
            _refuse_taken(key.name, live, "key")
            tx.keys.insert(key)
            return Outcome(key)

        detail = {
            "name": key.name,
            "project_id": key.project_id,
            "hint": key.hint,
            "permissions": key.permissions,
            "models": key.models,
            "expires_at_ns": key.expires_at_ns,
        }
        return await self._writer.change(work, Change(actor, "key.create", key.id, detail)), secret

    async def revoke_key(self, project_id: str, key_id: str, *, actor: str) -> VirtualKey:
        """End a key now; one that was revoked before stays as it was."""
        now_ns = self._clock.now_ns()

        def work(tx: Transaction) -> Outcome[VirtualKey]:
            key = _found(tx.keys.get(project_id, key_id), "key")
            if key.revoked_at_ns is not None:
                return Outcome(key, changed=False)
            tx.keys.revoke(key_id, now_ns)
            return Outcome(msgspec.structs.replace(key, revoked_at_ns=now_ns))

        return await self._writer.change(work, Change(actor, "key.revoke", key_id, {"project_id": project_id}))

    async def authenticate_key(self, secret: str) -> VirtualKey:
        """Return the key of a secret; raises `KeyUnknown`, `KeyExpired` or `KeyRevoked`."""
        if not access.well_formed(secret, KeyKind.VIRTUAL_KEY):
            raise KeyUnknown("this is not a Pilothouse key: it is incomplete or mistyped")
        key = await self._metadata.read(lambda tx: tx.keys.by_digest(access.digest(secret)))
        if key is None:
            raise KeyUnknown("no key with this secret exists here")
        if key.revoked_at_ns is not None:
            raise KeyRevoked(f"the key {key.hint} was revoked")
        if key.expires_at_ns is not None and key.expires_at_ns <= self._clock.now_ns():
            raise KeyExpired(f"the key {key.hint} has expired")
        return key

    # Provider accounts

    async def list_accounts(self) -> list[Account]:
        """Return every account, by name; their secrets are sealed."""
        return await self._metadata.read(lambda tx: tx.accounts.all())

    async def create_account(self, new: NewAccount, *, actor: str) -> Account:
        """Create an account; its secret is sealed before it is kept."""
        account_id = new_id()
        account = Account(
            id=account_id,
            name=rules.account_name(new.name),
            provider=new.provider,
            base_url=addresses.base_url(new.base_url),
            sealed_secret=self._sealer.seal(account_id, rules.secret(new.secret)),
            models=rules.models(new.models),
            open_models=new.open_models,
            enabled=new.enabled,
            created_at_ns=self._clock.now_ns(),
            headers=rules.headers(new.headers),
        )
        kinds.check(account.provider, account.base_url, has_secret=bool(account.sealed_secret))

        def work(tx: Transaction) -> Outcome[Account]:
            _refuse_taken(account.name, (other.name for other in tx.accounts.all()), "account")
            tx.accounts.insert(account)
            return Outcome(account)

        detail = {"name": account.name, "provider": account.provider, "base_url": account.base_url}
        return await self._writer.change(work, Change(actor, "account.create", account_id, detail))

    async def update_account(self, account_id: str, change: AccountChange, *, actor: str) -> Account:
        """Change the fields of an account that are set; what `account/model` names stays."""
        checked = _checked(change)

        def work(tx: Transaction) -> Outcome[Account]:
            account = _found(tx.accounts.get(account_id), "account")
            _refuse_managed(account.managed, f"the account {account.name}")
            _refuse_redirected_secret(account, checked)
            updated = msgspec.structs.replace(account, **self._new_values(account, checked))
            if updated == account:
                return Outcome(account, changed=False)
            kinds.check(updated.provider, updated.base_url, has_secret=bool(updated.sealed_secret))
            tx.accounts.replace(updated)
            return Outcome(updated)

        detail = {name: value for name, value in _set_fields(checked).items() if name != "secret"}
        if checked.secret is not UNSET:
            detail["secret"] = "changed" if checked.secret else "removed"
        return await self._writer.change(work, Change(actor, "account.update", account_id, detail))

    async def delete_account(self, account_id: str, *, actor: str) -> None:
        """Delete an account; raises `Conflict` that names the aliases which still lead to it."""

        def work(tx: Transaction) -> Outcome[None]:
            account = _found(tx.accounts.get(account_id), "account")
            _refuse_managed(account.managed and account.enabled, f"the account {account.name}")
            users = [
                alias.name
                for alias in tx.aliases.all()
                if any(target.account == account.name for target in alias.targets)
            ]
            if users:
                raise Conflict(f"the account {account.name} is still used by: {', '.join(users)}")
            tx.accounts.delete(account_id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "account.delete", account_id))

    def account_secret(self, account: Account) -> str:
        """Return an account's provider key, empty when it has none.

        Raises `SettingsInvalid` when it was sealed under another secret key than this installation's.
        """
        return self._sealer.open(account)

    # Aliases

    async def list_aliases(self) -> list[Alias]:
        """Return every alias, by name."""
        return await self._metadata.read(lambda tx: tx.aliases.all())

    async def put_alias(self, name: str, targets: Sequence[Target], *, actor: str) -> Alias:
        """Create an alias or give it other targets; one that the installation kept up becomes the operator's own."""
        alias = Alias(new_id(), rules.alias_name(name), rules.targets(targets), created_at_ns=self._clock.now_ns())

        def work(tx: Transaction) -> Outcome[Alias]:
            _check_targets(alias.targets, {account.name: account for account in tx.accounts.all()})
            current = tx.aliases.by_name(name)
            if current is None:
                tx.aliases.insert(alias)
                return Outcome(alias)
            updated = msgspec.structs.replace(current, targets=alias.targets, managed=False)
            if updated == current:
                return Outcome(current, changed=False)
            tx.aliases.replace(updated)
            return Outcome(updated)

        detail = {"targets": msgspec.to_builtins(alias.targets)}
        return await self._writer.change(work, Change(actor, "alias.put", name, detail))

    async def delete_alias(self, alias_id: str, *, actor: str) -> None:
        """Delete an alias."""

        def work(tx: Transaction) -> Outcome[None]:
            alias = _found(tx.aliases.get(alias_id), "alias")
            _refuse_managed(alias.managed, f"the alias {alias.name}")
            tx.aliases.delete(alias_id)
            return Outcome(None)

        await self._writer.change(work, Change(actor, "alias.delete", alias_id))

    # The whole

    async def ensure_managed(
        self, *, accounts: Sequence[NewAccount] = (), aliases: Sequence[ManagedAlias] = (), actor: str = "start"
    ) -> list[str]:
        """Make the managed accounts and aliases exactly these and return what changed; idempotent.

        What is no longer wanted is disabled (accounts) or deleted (aliases). The operator's own entries are never
        touched, even when a wanted name is theirs.
        """
        changed: list[str] = []

        def work(tx: Transaction) -> Outcome[list[str]]:
            changed[:] = managed.apply_accounts(tx, accounts, self._sealer, self._clock)
            changed.extend(managed.apply_aliases(tx, aliases, self._clock))
            return Outcome(changed, changed=bool(changed))

        return await self._writer.change(work, Change(actor, "managed.ensure", "", {"changed": changed}))

    async def snapshot(self) -> Snapshot:
        """Return one consistent state of the registry."""
        now_ns = self._clock.now_ns()
        return await self._metadata.read(
            lambda tx: Snapshot(
                version=tx.version.get(),
                made_at_ns=now_ns,
                projects=tuple(tx.projects.all()),
                keys=tuple(tx.keys.alive_since(now_ns - ENDED_KEYS_NS)),
                accounts=tuple(tx.accounts.all()),
                aliases=tuple(tx.aliases.all()),
                redaction=tuple(tx.redaction.all()),
            )
        )

    async def version(self) -> int:
        """Return the version of the current state; it differs after every change that the gateway must see."""
        return await self._metadata.read(lambda tx: tx.version.get())

    async def has_keys(self) -> bool:
        """Return whether a virtual key was ever created."""
        return await self._metadata.read(lambda tx: tx.keys.count() > 0)

    async def list_audit(self, limit: int = 100, before_id: str = "") -> list[AuditEntry]:
        """Return who changed what, newest first; `before_id` is the last entry of the page before."""
        return await self._metadata.read(lambda tx: tx.audit.newest(min(max(limit, 1), 1000), before_id))

    async def ping(self) -> str | None:
        """Return None when the metadata database answers, else why not."""
        return await self._metadata.ping()

    def _new_values(self, account: Account, change: AccountChange) -> dict[str, Any]:
        values = _set_fields(change)
        secret = values.pop("secret", UNSET)
        if secret is not UNSET and not (account.sealed_secret and secret == self._opened(account)):
            values["sealed_secret"] = self._sealer.seal(account.id, secret)
        return values

    def _opened(self, account: Account) -> str | None:
        try:
            return self._sealer.open(account)
        except SettingsInvalid:  # sealed under a secret key that is gone: any secret is news
            return None


def _found(thing: T | None, what: str) -> T:
    if thing is None:
        raise NotFound(f"there is no such {what}")
    return thing


def _refuse_taken(name: str, taken: Iterable[str], what: str) -> None:
    if name in taken:
        raise Conflict(f"there is already a {what} with the name {name}", param="name")


def _refuse_managed(is_managed: bool, what: str) -> None:
    if is_managed:
        raise Conflict(f"{what} is kept up by this installation's settings: change it there")


def _refuse_redirected_secret(account: Account, change: AccountChange) -> None:
    if change.base_url is UNSET or change.secret is not UNSET or not account.sealed_secret:
        return
    if kinds.redirects(account.provider, account.base_url, change.base_url):
        raise InvalidRequest("enter the provider key again: calls would go to another server", param="secret")


def _checked(change: AccountChange) -> AccountChange:
    return AccountChange(
        base_url=UNSET if change.base_url is UNSET else addresses.base_url(change.base_url),
        secret=UNSET if change.secret is UNSET else rules.secret(change.secret),
        models=UNSET if change.models is UNSET else rules.models(change.models),
        open_models=change.open_models,
        enabled=change.enabled,
        headers=UNSET if change.headers is UNSET else rules.headers(change.headers),
    )


def _set_fields(change: AccountChange) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}


def _check_targets(targets: Sequence[Target], accounts: Mapping[str, Account]) -> None:
    for index, target in enumerate(targets):
        account = accounts.get(target.account)
        if account is None:
            raise InvalidRequest(f"there is no account {target.account}", param=f"targets/{index}/account")
        if not account.open_models and target.model not in account.models:
            raise InvalidRequest(
                f"the account {account.name} does not serve {target.model}", param=f"targets/{index}/model"
            )
