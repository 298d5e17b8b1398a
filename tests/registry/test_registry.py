"""Projects, keys, accounts, aliases, managed entries and the snapshot."""

import asyncio

import pytest

from pilothouse.domain.access import Permission, Project, digest
from pilothouse.domain.clock import FakeClock
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.snapshot import Target
from pilothouse.errors import Conflict, InvalidRequest, KeyExpired, KeyRevoked, KeyUnknown, NotFound, SettingsInvalid
from pilothouse.registry.changes import AccountChange, ManagedAlias, NewAccount, NewKey
from pilothouse.registry.registry import Registry
from pilothouse.store.metadata.database import Metadata

DAY_S = 86_400
OPENAI = NewAccount(name="openai", provider="openai", secret="  sk-secret-1\n", models=("gpt-4o",))
VLLM = NewAccount(name="vllm", provider="vllm", base_url="http://10.0.0.7:8000/v1/", open_models=False, models=("m",))


@pytest.fixture
async def project(registry: Registry) -> Project:
    return await registry.create_project("default", actor="start")


async def test_projects_have_unique_names(registry: Registry, project: Project) -> None:
    other = await registry.create_project("  Support bot ", actor="start")
    assert other.name == "Support bot"
    with pytest.raises(Conflict):
        await registry.create_project("default", actor="start")
    with pytest.raises(Conflict):
        await registry.rename_project(other.id, "default", actor="start")
    assert (await registry.rename_project(other.id, "Help", actor="start")).name == "Help"
    assert [found.name for found in await registry.list_projects()] == ["default", "Help"]
    with pytest.raises(NotFound):
        await registry.rename_project("no", "x", actor="start")


async def test_a_key_is_kept_as_its_digest_only(registry: Registry, metadata: Metadata, project: Project) -> None:
    key, secret = await registry.create_key(NewKey(project_id=project.id, name="app"), actor="person:1")
    assert key.digest == digest(secret)
    assert await registry.authenticate_key(secret) == key
    everything = repr(await registry.snapshot()) + repr(await registry.list_audit())
    assert secret not in everything
    assert secret[8:] not in everything


async def test_a_key_ends_by_revocation_or_expiry_and_says_which(
    registry: Registry, project: Project, clock: FakeClock
) -> None:
    revoked, revoked_secret = await registry.create_key(NewKey(project_id=project.id, name="a"), actor="start")
    expires_at_ns = clock.now_ns() + 1_000_000_000
    _, expired_secret = await registry.create_key(
        NewKey(project_id=project.id, name="b", expires_at_ns=expires_at_ns), actor="start"
    )
    ended = await registry.revoke_key(project.id, revoked.id, actor="start")
    version = await registry.version()
    clock.advance(1)
    assert await registry.revoke_key(project.id, revoked.id, actor="start") == ended
    assert await registry.version() == version
    with pytest.raises(KeyRevoked):
        await registry.authenticate_key(revoked_secret)
    with pytest.raises(KeyExpired):
        await registry.authenticate_key(expired_secret)
    for junk in ("", "ph_", "sk-1", revoked_secret[:-1], "\udcff" * 49, "ph_" + "é" * 46):
        with pytest.raises(KeyUnknown):
            await registry.authenticate_key(junk)
    with pytest.raises(NotFound):
        await registry.revoke_key("another project", revoked.id, actor="start")


async def test_ended_keys_stay_in_the_snapshot_for_thirty_days(
    registry: Registry, project: Project, clock: FakeClock
) -> None:
    live, _ = await registry.create_key(NewKey(project_id=project.id, name="live"), actor="start")
    ended, _ = await registry.create_key(NewKey(project_id=project.id, name="ended"), actor="start")
    await registry.revoke_key(project.id, ended.id, actor="start")
    clock.advance(30 * DAY_S - 1)
    assert {key.id for key in (await registry.snapshot()).keys} == {live.id, ended.id}
    clock.advance(2)
    assert {key.id for key in (await registry.snapshot()).keys} == {live.id}
    assert len(await registry.list_keys(project.id)) == 2


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"permissions": ()}, "permissions"),
        ({"models": ("a b",)}, "models/0"),
        ({"models": ("ok", "gpt-[45]")}, "models/1"),
        ({"expires_at_ns": 5}, "expires_at"),
        ({"expires_at_ns": 1 << 70}, "expires_at"),
    ],
)
async def test_bad_keys_name_their_field(
    registry: Registry, project: Project, change: dict[str, object], param: str
) -> None:
    values = {"project_id": project.id, "name": "app", **change}
    with pytest.raises(InvalidRequest) as caught:
        await registry.create_key(NewKey(**values), actor="start")
    assert caught.value.param == param


async def test_key_names_are_unique_while_they_live(registry: Registry, project: Project) -> None:
    key, _ = await registry.create_key(NewKey(project_id=project.id, name="app"), actor="start")
    with pytest.raises(Conflict):
        await registry.create_key(NewKey(project_id=project.id, name="app"), actor="start")
    await registry.revoke_key(project.id, key.id, actor="start")
    await registry.create_key(NewKey(project_id=project.id, name="app"), actor="start")
    with pytest.raises(NotFound):
        await registry.create_key(NewKey(project_id="none", name="app"), actor="start")


async def test_several_keys_and_key_files_keep_their_lines(registry: Registry) -> None:
    new = NewAccount(name="openai", provider="openai", secret=" 2 sk-a\r\n1 sk-b\n", models=("gpt-4o",))
    account = await registry.create_account(new, actor="start")
    assert registry.account_secret(account) == "2 sk-a\n1 sk-b"


async def test_an_account_secret_is_sealed_for_its_account(registry: Registry, metadata: Metadata) -> None:
    account = await registry.create_account(OPENAI, actor="start")
    assert registry.account_secret(account) == "sk-secret-1"
    assert "sk-secret-1" not in repr(await registry.snapshot()) + repr(await registry.list_audit()) + repr(OPENAI)
    assert SecretBox(b"k" * 32).open(account.sealed_secret, f"account:{account.id}") == "sk-secret-1"
    with pytest.raises(SettingsInvalid):
        Registry(metadata, SecretBox(b"z" * 32), FakeClock()).account_secret(account)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": "Open AI"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "-a"}, "name"),
        ({"provider": "nobody"}, "provider"),
        ({"provider": "local"}, "provider"),
        ({"provider": "openai_compatible"}, "base_url"),
        ({"base_url": "http://169.254.169.254/latest"}, "base_url"),
        ({"secret": "sk\t-1"}, "secret"),
        ({"secret": "sk-“1”"}, "secret"),
        ({"secret": ""}, "secret"),
        ({"models": ("",)}, "models/0"),
    ],
)
async def test_bad_accounts_name_their_field(registry: Registry, change: dict[str, object], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await registry.create_account(
            NewAccount(**{"name": "a", "provider": "openai", "secret": "sk", **change}), actor="start"
        )
    assert caught.value.param == param
    assert await registry.version() == 0


async def test_account_names_are_unique(registry: Registry) -> None:
    await registry.create_account(OPENAI, actor="start")
    with pytest.raises(Conflict):
        await registry.create_account(OPENAI, actor="start")


async def test_an_update_changes_what_is_set_and_nothing_else(registry: Registry) -> None:
    account = await registry.create_account(OPENAI, actor="start")
    changed = await registry.update_account(account.id, AccountChange(models=("a", "b", "a")), actor="start")
    assert (changed.models, changed.sealed_secret) == (("a", "b"), account.sealed_secret)
    version = await registry.version()
    same = AccountChange(models=("a", "b"), secret="sk-secret-1", enabled=True)
    assert await registry.update_account(account.id, same, actor="start") == changed
    assert await registry.version() == version
    renewed = await registry.update_account(account.id, AccountChange(secret="sk-2", enabled=False), actor="start")
    assert (registry.account_secret(renewed), renewed.enabled) == ("sk-2", False)
    assert (await registry.list_audit(1))[0].detail == {"secret": "changed", "enabled": False}
    with pytest.raises(InvalidRequest, match="needs a provider key"):
        await registry.update_account(account.id, AccountChange(secret=""), actor="start")
    with pytest.raises(NotFound):
        await registry.update_account("none", AccountChange(enabled=True), actor="start")


async def test_a_stored_secret_is_never_sent_to_another_server(registry: Registry) -> None:
    account = await registry.create_account(OPENAI, actor="start")
    elsewhere = "https://evil.example/v1"
    with pytest.raises(InvalidRequest) as caught:
        await registry.update_account(account.id, AccountChange(base_url=elsewhere), actor="start")
    assert caught.value.param == "secret"
    same = await registry.update_account(
        account.id, AccountChange(base_url="https://api.openai.com/v1/"), actor="start"
    )
    assert same.base_url == "https://api.openai.com/v1"
    moved = await registry.update_account(account.id, AccountChange(base_url=elsewhere, secret="sk-3"), actor="start")
    assert moved.base_url == elsewhere


async def test_an_alias_leads_to_accounts_that_serve_the_model(registry: Registry) -> None:
    await registry.create_account(VLLM, actor="start")
    alias = await registry.put_alias("fast", [Target("vllm", "m", 3)], actor="start")
    assert await registry.list_aliases() == [alias]
    for targets, param in (
        ([Target("none", "m")], "targets/0/account"),
        ([Target("vllm", "m"), Target("vllm", "other")], "targets/1/model"),
        ([Target("vllm", "m", 0)], "targets/0/weight"),
        ([Target("vllm", "m"), Target("vllm", "m", 2)], "targets/1"),
        ([Target("vllm", "")], "targets/0/model"),
        ([], "targets"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            await registry.put_alias("fast", targets, actor="start")
        assert caught.value.param == param
    with pytest.raises(InvalidRequest):
        await registry.put_alias("vllm/m", [Target("vllm", "m")], actor="start")
    assert await registry.list_aliases() == [alias]
    changed = await registry.put_alias("fast", [Target("vllm", "m", 4)], actor="start")
    assert (changed.id, changed.targets[0].weight) == (alias.id, 4)


async def test_an_account_in_use_cannot_be_deleted(registry: Registry) -> None:
    account = await registry.create_account(VLLM, actor="start")
    alias = await registry.put_alias("fast", [Target("vllm", "m")], actor="start")
    with pytest.raises(Conflict, match="fast"):
        await registry.delete_account(account.id, actor="start")
    await registry.delete_alias(alias.id, actor="start")
    await registry.delete_account(account.id, actor="start")
    assert await registry.list_accounts() == []
    for gone in (registry.delete_account(account.id, actor="x"), registry.delete_alias(alias.id, actor="x")):
        with pytest.raises(NotFound):
            await gone


async def test_managed_entries_are_made_kept_up_and_disabled(registry: Registry) -> None:
    accounts, aliases = [OPENAI, VLLM], [ManagedAlias(name="fast", targets=(Target("vllm", "m"),))]
    assert len(await registry.ensure_managed(accounts=accounts, aliases=aliases)) == 3
    version = await registry.version()
    assert await registry.ensure_managed(accounts=accounts, aliases=aliases) == []
    assert await registry.version() == version

    renewed = NewAccount(name="openai", provider="openai", secret="sk-9", models=("gpt-4o",))
    assert await registry.ensure_managed(accounts=[renewed]) == [
        "updated openai",
        "disabled vllm",
        "deleted alias fast",
    ]
    openai, vllm = await registry.list_accounts()
    assert (registry.account_secret(openai), openai.managed, vllm.enabled) == ("sk-9", True, False)
    with pytest.raises(Conflict, match="settings"):
        await registry.update_account(openai.id, AccountChange(enabled=False), actor="person:1")
    with pytest.raises(Conflict, match="settings"):
        await registry.delete_account(openai.id, actor="person:1")
    await registry.delete_account(vllm.id, actor="person:1")
    assert "sk-9" not in repr(await registry.list_audit())


async def test_managed_entries_never_touch_the_operators_own(registry: Registry) -> None:
    own = await registry.create_account(OPENAI, actor="person:1")
    await registry.create_account(VLLM, actor="person:1")
    alias = await registry.put_alias("fast", [Target("vllm", "m")], actor="person:1")
    other = NewAccount(name="openai", provider="openai", secret="sk-env")
    wanted = [ManagedAlias(name="fast", targets=(Target("openai", "x"),))]
    assert await registry.ensure_managed(accounts=[other], aliases=wanted) == []
    assert own in await registry.list_accounts()
    assert await registry.list_aliases() == [alias]


async def test_every_change_raises_the_version_by_one_and_is_audited(registry: Registry, project: Project) -> None:
    heard: list[int] = []
    registry.on_change(lambda: heard.append(1))
    before = await registry.version()
    account = await registry.create_account(OPENAI, actor="person:1")
    key, _ = await registry.create_key(NewKey(project_id=project.id, name="k"), actor="key:2")
    await registry.put_alias("a", [Target("openai", "x")], actor="person:1")
    await registry.revoke_key(project.id, key.id, actor="person:1")
    assert (await registry.snapshot()).version == before + 4
    assert len(heard) == 4
    found = {(entry.actor, entry.action, entry.subject) for entry in await registry.list_audit(4)}
    assert found == {
        ("person:1", "account.create", account.id),
        ("key:2", "key.create", key.id),
        ("person:1", "alias.put", "a"),
        ("person:1", "key.revoke", key.id),
    }


async def test_changes_at_the_same_moment_all_count(registry: Registry, project: Project) -> None:
    before = await registry.version()
    made = await asyncio.gather(
        *(registry.create_key(NewKey(project_id=project.id, name=f"k{n}"), actor="start") for n in range(20))
    )
    assert await registry.version() == before + 20
    assert {key.id for key, _ in made} == {key.id for key in (await registry.snapshot()).keys}


async def test_one_of_many_with_the_same_name_wins(registry: Registry, project: Project) -> None:
    tries = [
        registry.create_key(NewKey(project_id=project.id, name="same", permissions=(Permission.READ,)), actor="start")
        for _ in range(8)
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(isinstance(result, Conflict) for result in results) == [False] + [True] * 7


async def test_deleting_an_account_races_safely_with_using_it(registry: Registry) -> None:
    account = await registry.create_account(VLLM, actor="start")
    await asyncio.gather(
        registry.put_alias("fast", [Target("vllm", "m")], actor="start"),
        registry.delete_account(account.id, actor="start"),
        return_exceptions=True,
    )
    snapshot = await registry.snapshot()
    names = {found.name for found in snapshot.accounts}
    assert all(target.account in names for alias in snapshot.aliases for target in alias.targets)
