"""What a first start sets up, so that the first call needs no preparation."""

import msgspec

from pilothouse.domain.access import Permission, Project
from pilothouse.errors import SettingsInvalid
from pilothouse.registry.changes import NewKey
from pilothouse.registry.people import People
from pilothouse.registry.registry import Registry

_ACTOR = "start"


class Bootstrap(msgspec.Struct, frozen=True):
    """What a start has to tell the operator."""

    project: Project
    """The oldest project."""
    key_secret: str | None
    """Of the first virtual key; only from the start that makes it."""
    sign_in_secret: str | None
    """For the link that makes the first person; a new one at each start until there is one."""
    unreadable_accounts: tuple[str, ...] = ()
    """Accounts whose provider key was sealed under another secret key: it has to be entered again."""

    def __repr__(self) -> str:
        """Leave the secrets out."""
        return f"Bootstrap(project={self.project.name!r})"


async def bootstrap(registry: Registry, people: People) -> Bootstrap:
    """Make the project `default` and the first key when there is none, and issue the first person's link."""
    projects = await registry.list_projects()
    project = projects[0] if projects else await registry.create_project("default", actor=_ACTOR)
    key_secret = None
    if not await registry.has_keys():
        permissions = (Permission.INFERENCE, Permission.INGEST, Permission.READ)
        new = NewKey(project_id=project.id, name="first key", permissions=permissions)
        _, key_secret = await registry.create_key(new, actor=_ACTOR)
    return Bootstrap(project, key_secret, await people.first_run_link(), await _unreadable(registry))


async def _unreadable(registry: Registry) -> tuple[str, ...]:
    names: list[str] = []
    for account in await registry.list_accounts():
        try:
            registry.account_secret(account)
        except SettingsInvalid:
            names.append(account.name)
    return tuple(names)
