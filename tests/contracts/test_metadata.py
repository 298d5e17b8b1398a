"""What the metadata database promises, on SQLite and on PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pilothouse.domain.access import Permission, Project, Role, VirtualKey
from pilothouse.domain.people import Membership, Person
from pilothouse.domain.snapshot import Account, Alias, Target
from pilothouse.errors import Conflict, InvalidRequest, MetadataUnavailable, NotFound
from pilothouse.store.metadata.database import Metadata, Transaction
from pilothouse.store.metadata.journal import AuditEntry, KeptReply
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.metadata.people import FailureRow, LinkRow, SessionRow

PROJECT = Project("p1", "default", 1)
KEY = VirtualKey(
    id="k1", project_id="p1", name="app", digest="d1", hint="ph_1234…", permissions=(Permission.READ,),
    models=("openai/*", "naïve-模型"), created_at_ns=1_700_000_000_000_000_001, expires_at_ns=2**62,
)  # fmt: skip
ACCOUNT = Account("a1", "openai", "openai", "https://api", "sealed", ("gpt",), False, True, False, 5)
ALIAS = Alias("l1", "fast", (Target("openai", "gpt", 3), Target("other", "m")), True, 6)
PERSON = Person("u1", "ada@example.com", "Ada", 7, (Membership("p1", Role.OWNER),))


@pytest.fixture
async def metadata(database_url: str) -> AsyncIterator[Metadata]:
    opened = Metadata(MetadataOptions(url=database_url))
    await opened.connect()
    await opened.migrate()
    yield opened
    await opened.close()


async def test_every_field_comes_back_as_it_was_written(metadata: Metadata) -> None:
    def fill(tx: Transaction) -> None:
        tx.projects.insert(PROJECT)
        tx.keys.insert(KEY)
        tx.accounts.insert(ACCOUNT)
        tx.aliases.insert(ALIAS)
        tx.people.insert(PERSON, "hash")
        tx.sessions.insert(SessionRow("s1", "u1", 1, 2, 3))
        tx.links.insert(LinkRow("l1", 1, 2))
        tx.failures.put(FailureRow("email", "x", 1, 2, 3))
        tx.audit.insert(AuditEntry("e1", 1, "start", "key.create", "k1", {"models": ["ü"]}))
        tx.replies.put(KeptReply("s", "k", "d", 201, b"\x00\xff", 9))
        tx.values.put("colour", "blue")

    await metadata.write(fill)

    def read(tx: Transaction) -> list[object]:
        return [
            tx.projects.all(), tx.projects.get("p1"), tx.keys.of_project("p1"), tx.keys.get("p1", "k1"),
            tx.keys.by_digest("d1"), tx.accounts.all(), tx.accounts.get("a1"), tx.accounts.by_name("openai"),
            tx.aliases.all(), tx.aliases.get("l1"), tx.aliases.by_name("fast"), tx.people.all(), tx.people.get("u1"),
            tx.people.credentials("ada@example.com"), tx.people.owners("p1"), tx.sessions.get("s1"), tx.links.get("l1"),
            tx.failures.get("email", "x"), tx.audit.newest(10), tx.replies.get("s", "k"), tx.values.get("colour"),
        ]  # fmt: skip

    assert await metadata.read(read) == [
        [PROJECT], PROJECT, [KEY], KEY,
        KEY, [ACCOUNT], ACCOUNT, ACCOUNT,
        [ALIAS], ALIAS, ALIAS, [PERSON], PERSON,
        ("u1", "hash"), {"u1"}, SessionRow("s1", "u1", 1, 2, 3), LinkRow("l1", 1, 2),
        FailureRow("email", "x", 1, 2, 3), [AuditEntry("e1", 1, "start", "key.create", "k1", {"models": ["ü"]})],
        KeptReply("s", "k", "d", 201, b"\x00\xff", 9), "blue",
    ]  # fmt: skip


async def test_twenty_parallel_bumps_give_twenty_versions(metadata: Metadata) -> None:
    versions = await asyncio.gather(*(metadata.write(lambda tx: tx.version.bump()) for _ in range(20)))
    assert sorted(versions) == list(range(1, 21))
    assert await metadata.read(lambda tx: tx.version.get()) == 20


async def test_two_openers_of_one_database_do_not_lose_bumps(metadata: Metadata, database_url: str) -> None:
    other = Metadata(MetadataOptions(url=database_url))
    await other.connect()
    bumps = [opened.write(lambda tx: tx.version.bump()) for opened in (metadata, other) * 10]
    assert sorted(await asyncio.gather(*bumps)) == list(range(1, 21))
    await other.close()


async def test_a_lock_makes_check_and_write_one_step(metadata: Metadata) -> None:
    def take(tx: Transaction) -> bool:
        tx.version.lock()
        if tx.values.get("taken"):
            return False
        tx.values.put("taken", "yes")
        return True

    assert sorted(await asyncio.gather(*(metadata.write(take) for _ in range(8)))) == [False] * 7 + [True]


async def test_work_that_raises_leaves_nothing_behind(metadata: Metadata) -> None:
    def work(tx: Transaction) -> None:
        tx.projects.insert(PROJECT)
        tx.version.bump()
        raise NotFound("stop")

    with pytest.raises(NotFound):
        await metadata.write(work)
    assert await metadata.read(lambda tx: (tx.projects.all(), tx.version.get())) == ([], 0)


async def test_a_taken_name_is_a_conflict(metadata: Metadata) -> None:
    await metadata.write(lambda tx: tx.projects.insert(PROJECT))
    with pytest.raises(Conflict):
        await metadata.write(lambda tx: tx.projects.insert(Project("p2", "default", 2)))


async def test_a_revoked_key_gives_its_name_back(metadata: Metadata) -> None:
    def work(tx: Transaction) -> None:
        tx.projects.insert(PROJECT)
        tx.keys.insert(KEY)
        tx.keys.revoke("k1", 9)
        tx.keys.insert(VirtualKey("k2", "p1", "app", "d2", "h", (Permission.READ,), (), 10))

    await metadata.write(work)
    with pytest.raises(Conflict):
        await metadata.write(
            lambda tx: tx.keys.insert(VirtualKey("k3", "p1", "app", "d3", "h", (Permission.READ,), (), 11))
        )


async def test_keys_alive_since_leaves_out_what_ended_before(metadata: Metadata) -> None:
    def key(name: str, expires: int | None, revoked: int | None) -> VirtualKey:
        return VirtualKey(name, "p1", name, name, "h", (Permission.READ,), (), 0, expires, revoked)

    def work(tx: Transaction) -> list[str]:
        tx.projects.insert(PROJECT)
        for made in (
            key("a", None, None),
            key("b", 10, None),
            key("c", 11, None),
            key("d", None, 10),
            key("e", 50, 11),
        ):
            tx.keys.insert(made)
        return [found.id for found in tx.keys.alive_since(10)]

    assert await metadata.write(work) == ["a", "c", "e"]


async def test_removing_a_person_ends_sessions_and_memberships(metadata: Metadata) -> None:
    def work(tx: Transaction) -> tuple[object, ...]:
        tx.projects.insert(PROJECT)
        tx.people.insert(PERSON, "hash")
        tx.sessions.insert(SessionRow("s1", "u1", 1, 2, 3))
        tx.people.delete("u1")
        return tx.sessions.get("s1"), tx.people.owners("p1"), tx.people.count()

    assert await metadata.write(work) == (None, set(), 0)


async def test_audit_pages_newest_first_also_within_one_instant(metadata: Metadata) -> None:
    def fill(tx: Transaction) -> None:
        for entry_id, at_ns in (("c", 1), ("a", 2), ("b", 2), ("d", 0)):
            tx.audit.insert(AuditEntry(entry_id, at_ns, "start", "x", "y", {}))

    await metadata.write(fill)
    first = await metadata.read(lambda tx: tx.audit.newest(2))
    rest = await metadata.read(lambda tx: tx.audit.newest(9, first[-1].id))
    assert [entry.id for entry in first + rest] == ["b", "a", "c", "d"]


async def test_a_cancelled_caller_leaves_the_database_usable(metadata: Metadata) -> None:
    task = asyncio.create_task(metadata.write(lambda tx: tx.version.bump()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await metadata.write(lambda tx: tx.version.bump()) in {1, 2}


async def test_hostile_text_is_data(metadata: Metadata) -> None:
    name = "x'; DROP TABLE projects; --"
    await metadata.write(lambda tx: tx.projects.insert(Project("p1", name, 1)))
    assert (await metadata.read(lambda tx: tx.projects.all()))[0].name == name


@pytest.mark.parametrize("text", ["a\x00b", "\udcff"])
async def test_text_that_cannot_be_stored_is_no_fault_of_the_database(metadata: Metadata, text: str) -> None:
    try:
        assert await metadata.read(lambda tx: tx.projects.get(text)) is None
    except InvalidRequest:
        return
    assert text == "a\x00b"


async def test_ping_tells_open_from_closed(database_url: str) -> None:
    opened = Metadata(MetadataOptions(url=database_url))
    assert "not open" in (await opened.ping() or "")
    await opened.connect()
    await opened.migrate()
    assert await opened.ping() is None
    await opened.close()
    await opened.close()
    with pytest.raises(MetadataUnavailable):
        await opened.read(lambda tx: tx.version.get())
