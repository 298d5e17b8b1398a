"""The first person, signing in and out, throttling, sessions, roles."""

import asyncio

import pytest

from pilothouse.domain.access import KeyKind, Role, mint
from pilothouse.domain.clock import FakeClock
from pilothouse.errors import (
    Conflict,
    CsrfRejected,
    InvalidRequest,
    LoginFailed,
    LoginThrottled,
    NotFound,
    PilothouseError,
    SignInLinkInvalid,
)
from pilothouse.registry.passwords import PasswordOptions
from pilothouse.registry.people import NewPerson, People, PeopleOptions, SignedIn, check_csrf
from pilothouse.registry.registry import Registry
from pilothouse.store.metadata.database import Metadata

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"
HOUR_S = 3600


@pytest.fixture
async def first(registry: Registry, people: People) -> SignedIn:
    await registry.create_project("default", actor="start")
    link = await people.first_run_link()
    assert link is not None
    return await people.redeem_link(link, " Ada@Example.com ", "Ada", PASSWORD)


async def test_the_first_person_owns_every_project(registry: Registry, people: People, first: SignedIn) -> None:
    project = (await registry.list_projects())[0]
    assert first.person.email == EMAIL
    assert first.person.role_in(project.id) is Role.OWNER
    assert await people.first_run() is False
    assert await people.first_run_link() is None
    session = await people.session(first.secret)
    assert session is not None
    assert session.person == first.person


async def test_a_link_works_once_and_only_the_newest(registry: Registry, people: People) -> None:
    await registry.create_project("default", actor="start")
    assert await people.first_run() is True
    old, new = await people.first_run_link(), await people.first_run_link()
    assert old is not None
    assert new is not None
    for junk in (old, mint(KeyKind.SIGN_IN_LINK), "", "phl_x", mint(KeyKind.VIRTUAL_KEY)):
        with pytest.raises(SignInLinkInvalid):
            await people.redeem_link(junk, EMAIL, "Ada", PASSWORD)
    with pytest.raises(InvalidRequest):
        await people.redeem_link(new, EMAIL, "Ada", "short")
    await people.redeem_link(new, EMAIL, "Ada", PASSWORD)
    with pytest.raises(SignInLinkInvalid):
        await people.redeem_link(new, "eve@example.com", "Eve", PASSWORD)


async def test_a_link_expires_after_a_day(people: People, clock: FakeClock) -> None:
    link = await people.first_run_link()
    assert link is not None
    clock.advance(24 * HOUR_S)
    with pytest.raises(SignInLinkInvalid):
        await people.redeem_link(link, EMAIL, "Ada", PASSWORD)


async def test_of_two_who_use_a_link_at_once_one_wins(people: People) -> None:
    link = await people.first_run_link() or ""
    tries = (people.redeem_link(link, f"{name}@example.com", name, PASSWORD) for name in ("ada", "eve"))
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["SignInLinkInvalid", "SignedIn"]
    assert len(await people.list_people()) == 1


@pytest.mark.parametrize(
    ("email", "name", "password", "param"),
    [
        ("ada", "Ada", PASSWORD, "email"),
        ("a@b@c", "Ada", PASSWORD, "email"),
        ("a b@c.de", "Ada", PASSWORD, "email"),
        (EMAIL, "", PASSWORD, "name"),
        (EMAIL, "Ada", "11 letters.", "password"),
        (EMAIL, "Ada", "x" * 257, "password"),
    ],
)
async def test_bad_choices_name_their_field(people: People, email: str, name: str, password: str, param: str) -> None:
    link = await people.first_run_link() or ""
    with pytest.raises(InvalidRequest) as caught:
        await people.redeem_link(link, email, name, password)
    assert caught.value.param == param


async def test_wrong_password_and_unknown_email_look_the_same(people: People, first: SignedIn) -> None:
    with pytest.raises(LoginFailed) as wrong:
        await people.sign_in(EMAIL, "wrong password", "10.0.0.1")
    with pytest.raises(LoginFailed) as unknown:
        await people.sign_in("nobody@example.com", "wrong password", "10.0.0.1")
    with pytest.raises(LoginFailed):
        await people.sign_in("nobody@example.com", "nobody has this password", "10.0.0.1")
    assert str(wrong.value) == str(unknown.value)
    signed_in = await people.sign_in("ADA@example.com", PASSWORD, "10.0.0.1")
    assert signed_in.person == first.person
    assert signed_in.secret != first.secret
    assert PASSWORD not in repr(signed_in)


async def test_failures_of_one_email_make_it_wait_longer_and_longer(
    people: People, clock: FakeClock, first: SignedIn
) -> None:
    for attempt in range(5):
        with pytest.raises(LoginFailed):
            await people.sign_in(EMAIL, "wrong", f"10.0.0.{attempt}")
    waits: list[float | None] = []
    for attempt in range(8):
        with pytest.raises(LoginThrottled) as caught:
            await people.sign_in(EMAIL, PASSWORD, f"10.0.1.{attempt}")
        waits.append(caught.value.retry_after_s)
        clock.advance(caught.value.retry_after_s or 0)
        with pytest.raises(LoginFailed):
            await people.sign_in(EMAIL, "wrong", f"10.0.2.{attempt}")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    clock.advance(60)
    assert (await people.sign_in(EMAIL, PASSWORD, "10.0.3.1")).person == first.person
    with pytest.raises(LoginFailed):  # success has cleared the email's count
        await people.sign_in(EMAIL, "wrong", "10.0.3.1")
    await people.sign_in(EMAIL, PASSWORD, "10.0.3.1")


async def test_one_client_cannot_try_many_emails(people: People, clock: FakeClock, first: SignedIn) -> None:
    for attempt in range(9):
        with pytest.raises(LoginFailed):
            await people.sign_in(f"user{attempt}@example.com", "wrong", "10.0.0.1")
    await people.sign_in(EMAIL, PASSWORD, "10.0.0.1")  # its own success does not clear what it did before
    with pytest.raises(LoginFailed):
        await people.sign_in("user9@example.com", "wrong", "10.0.0.1")
    with pytest.raises(LoginThrottled):
        await people.sign_in("user10@example.com", "wrong", "10.0.0.1")
    await people.sign_in(EMAIL, PASSWORD, "10.0.0.2")
    clock.advance(HOUR_S + 1)
    await people.sign_in(EMAIL, PASSWORD, "10.0.0.1")


async def test_attempts_at_the_same_moment_count_one_by_one(people: People, first: SignedIn) -> None:
    tries = (people.sign_in(EMAIL, "wrong", "10.0.0.1") for _ in range(20))
    results = await asyncio.gather(*tries, return_exceptions=True)
    names = [type(result).__name__ for result in results]
    assert (names.count("LoginFailed"), names.count("LoginThrottled")) == (5, 15)


async def test_neither_emails_nor_addresses_of_failures_are_kept(
    people: People, metadata: Metadata, first: SignedIn
) -> None:
    with pytest.raises(LoginFailed):
        await people.sign_in("typed-password-here", "wrong", "10.0.0.1")
    assert await metadata.read(lambda tx: tx.failures.get("email", "typed-password-here")) is None
    assert await metadata.read(lambda tx: tx.failures.get("client", "10.0.0.1")) is None


async def test_a_session_ends_when_idle_and_at_its_end(people: People, clock: FakeClock, first: SignedIn) -> None:
    idle_s, whole_s = 72 * HOUR_S, 14 * 24 * HOUR_S
    clock.advance(idle_s - 1)
    assert await people.session(first.secret) is not None
    clock.advance(idle_s - 1)
    assert await people.session(first.secret) is not None
    clock.advance(idle_s)
    assert await people.session(first.secret) is None

    again = await people.sign_in(EMAIL, PASSWORD, "10.0.0.1")
    for _ in range(whole_s // (48 * HOUR_S)):
        assert await people.session(again.secret) is not None
        clock.advance(48 * HOUR_S)
    assert await people.session(again.secret) is None


async def test_signing_out_ends_one_session(people: People, first: SignedIn) -> None:
    other = await people.sign_in(EMAIL, PASSWORD, "10.0.0.1")
    await people.sign_out(first.secret)
    await people.sign_out(first.secret)
    await people.sign_out("junk")
    assert await people.session(first.secret) is None
    assert await people.session(other.secret) is not None
    for junk in ("", "phs_", mint(KeyKind.SESSION), mint(KeyKind.VIRTUAL_KEY), "\udcff"):
        assert await people.session(junk) is None


@pytest.mark.parametrize("junk", ["", "\x00", "\udcff", "a\x00@b.c"])
async def test_junk_is_a_failed_sign_in_like_any_other(people: People, first: SignedIn, junk: str) -> None:
    with pytest.raises(LoginFailed):
        await people.sign_in(junk, "wrong", "10.0.0.1")
    with pytest.raises(LoginFailed):
        await people.sign_in(EMAIL, junk, "10.0.0.1")


async def test_a_project_always_has_an_owner(registry: Registry, people: People, first: SignedIn) -> None:
    made = await registry.create_project("made by the command line", actor="local")
    assert (await people.list_people())[0].role_in(made.id) is Role.OWNER


async def test_a_csrf_token_fits_its_own_session_only(people: People, first: SignedIn) -> None:
    other = await people.sign_in(EMAIL, PASSWORD, "10.0.0.1")
    session = await people.session(first.secret)
    assert session is not None
    check_csrf(first.secret, session.csrf_token)
    for wrong in ("", other.session.csrf_token, session.csrf_token[:-1], "é"):
        with pytest.raises(CsrfRejected):
            check_csrf(first.secret, wrong)
    assert first.secret not in session.csrf_token


async def test_a_password_hash_of_another_cost_is_renewed(
    people: People, metadata: Metadata, clock: FakeClock, first: SignedIn
) -> None:
    before = await metadata.read(lambda tx: tx.people.credentials(EMAIL))
    dearer = People(metadata, clock, PeopleOptions(passwords=PasswordOptions(time_cost=2, memory_kib=64, lanes=1)))
    await dearer.sign_in(EMAIL, PASSWORD, "10.0.0.1")
    after = await metadata.read(lambda tx: tx.people.credentials(EMAIL))
    assert before is not None
    assert after is not None
    assert ("t=1" in before[1], "t=2" in after[1]) == (True, True)
    assert after[1].startswith("$argon2id$")
    dearer.close()


async def test_people_get_roles_by_project(registry: Registry, people: People, first: SignedIn) -> None:
    owner = f"person:{first.person.id}"
    default = (await registry.list_projects())[0]
    new = NewPerson(email="bo@example.com", name="Bo", password=PASSWORD, project_id=default.id, role=Role.VIEWER)
    bo = await people.create_person(new, actor=owner)
    assert PASSWORD not in repr(new)
    with pytest.raises(Conflict):
        await people.create_person(new, actor=owner)
    second = await registry.create_project("second", actor=f"person:{bo.id}")
    bo = next(person for person in await people.list_people() if person.id == bo.id)
    assert (bo.role_in(default.id), bo.role_in(second.id), bo.highest_role) == (Role.VIEWER, Role.OWNER, Role.OWNER)
    assert first.person.role_in(second.id) is None

    assert (await people.set_role(bo.id, default.id, Role.EDITOR, actor=owner)).role_in(default.id) is Role.EDITOR
    assert (await people.set_role(bo.id, default.id, None, actor=owner)).role_in(default.id) is None
    for refused in (
        people.set_role(first.person.id, default.id, Role.ADMIN, actor=owner),
        people.set_role(first.person.id, default.id, None, actor=owner),
        people.remove_person(first.person.id, actor=owner),
        people.remove_person(bo.id, actor=owner),
    ):
        with pytest.raises(Conflict, match="only owner"):
            await refused
    for gone in (
        people.set_role("none", default.id, Role.ADMIN, actor=owner),
        people.remove_person("none", actor=owner),
        people.set_password("none", PASSWORD, actor=owner),
    ):
        with pytest.raises(NotFound):
            await gone


async def test_a_new_password_and_a_removal_end_all_sessions(
    registry: Registry, people: People, first: SignedIn
) -> None:
    default = (await registry.list_projects())[0]
    await people.set_password(first.person.id, "another good password", actor="local")
    assert await people.session(first.secret) is None
    with pytest.raises(LoginFailed):
        await people.sign_in(EMAIL, PASSWORD, "10.0.0.1")
    again = await people.sign_in(EMAIL, "another good password", "10.0.0.1")
    new = NewPerson(email="bo@example.com", name="Bo", password=PASSWORD, project_id=default.id, role=Role.OWNER)
    await people.create_person(new, actor="local")
    await people.remove_person(first.person.id, actor="local")
    assert await people.session(again.secret) is None
    audit = repr(await registry.list_audit())
    assert PASSWORD not in audit
    assert "argon2" not in audit


async def test_too_many_hashes_at_once_are_turned_away(people: People, first: SignedIn) -> None:
    tries = (people.set_password(first.person.id, PASSWORD, actor="local") for _ in range(80))
    results = await asyncio.gather(*tries, return_exceptions=True)
    failed = [result for result in results if isinstance(result, PilothouseError)]
    assert failed
    assert all(isinstance(result, LoginThrottled) and result.retry_after_s for result in failed)
    await people.set_password(first.person.id, PASSWORD, actor="local")
