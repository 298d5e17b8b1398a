"""Accounts and aliases that the installation itself keeps up, such as the local model and keys from the environment."""

from collections.abc import Sequence

import msgspec

from pilothouse.domain.clock import Clock
from pilothouse.domain.ids import new_id
from pilothouse.domain.snapshot import Account, Alias
from pilothouse.errors import SettingsInvalid
from pilothouse.registry import addresses, kinds, rules
from pilothouse.registry.changes import ManagedAlias, NewAccount
from pilothouse.registry.sealing import Sealer
from pilothouse.store.metadata.database import Transaction


def apply_accounts(tx: Transaction, wanted: Sequence[NewAccount], sealer: Sealer, clock: Clock) -> list[str]:
    """Create, update and disable managed accounts; return what changed, one phrase each.

    An account of the operator's own that has a wanted name is left alone.
    """
    changed: list[str] = []
    for new in wanted:
        kinds.check(new.provider, new.base_url, has_secret=bool(new.secret), managed=True)
        current = tx.accounts.by_name(rules.account_name(new.name))
        if current is None:
            tx.accounts.insert(_account(new, new_id(), sealer, clock.now_ns()))
            changed.append(f"created {new.name}")
        elif current.managed and not _same(current, new, sealer):
            tx.accounts.replace(_account(new, current.id, sealer, current.created_at_ns))
            changed.append(f"updated {new.name}")
    names = {new.name for new in wanted}
    for account in tx.accounts.all():
        if account.managed and account.enabled and account.name not in names:
            tx.accounts.replace(msgspec.structs.replace(account, enabled=False))
            changed.append(f"disabled {account.name}")
    return changed


def apply_aliases(tx: Transaction, wanted: Sequence[ManagedAlias], clock: Clock) -> list[str]:
    """Create, update and delete managed aliases; return what changed, one phrase each."""
    changed: list[str] = []
    for new in wanted:
        current = tx.aliases.by_name(rules.alias_name(new.name))
        targets = rules.targets(new.targets)
        if current is None:
            tx.aliases.insert(Alias(new_id(), new.name, targets, managed=True, created_at_ns=clock.now_ns()))
            changed.append(f"created alias {new.name}")
        elif current.managed and current.targets != targets:
            tx.aliases.replace(msgspec.structs.replace(current, targets=targets))
            changed.append(f"updated alias {new.name}")
    names = {new.name for new in wanted}
    for alias in tx.aliases.all():
        if alias.managed and alias.name not in names:
            tx.aliases.delete(alias.id)
            changed.append(f"deleted alias {alias.name}")
    return changed


def _account(new: NewAccount, account_id: str, sealer: Sealer, created_at_ns: int) -> Account:
    return Account(
        id=account_id,
        name=new.name,
        provider=new.provider,
        base_url=addresses.base_url(new.base_url),
        sealed_secret=sealer.seal(account_id, rules.secret(new.secret)),
        models=rules.models(new.models),
        open_models=new.open_models,
        enabled=new.enabled,
        managed=True,
        created_at_ns=created_at_ns,
    )


def _same(current: Account, new: NewAccount, sealer: Sealer) -> bool:
    try:
        secret = sealer.open(current)
    except SettingsInvalid:  # sealed under a secret key that is gone: seal it again
        return False
    return (current.provider, current.base_url, secret, current.models, current.open_models, current.enabled) == (
        new.provider,
        addresses.base_url(new.base_url),
        rules.secret(new.secret),
        rules.models(new.models),
        new.open_models,
        new.enabled,
    )
