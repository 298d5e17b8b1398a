"""Keys that we mint, and what they may call."""

import string
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.access import (
    ROLE_PERMISSIONS,
    KeyKind,
    Permission,
    Role,
    digest,
    hint,
    mint,
    model_allowed,
    well_formed,
)

kinds = st.sampled_from(KeyKind)
names = st.text(string.ascii_letters + string.digits + "-._:/@", min_size=1, max_size=30)


@given(kinds)
def test_what_we_mint_is_well_formed_for_its_kind_only(kind: KeyKind) -> None:
    secret = mint(kind)
    assert [other for other in KeyKind if well_formed(secret, other)] == [kind]
    assert secret != mint(kind)
    assert len(digest(secret)) == 64
    assert secret.startswith(hint(secret)[:-1])
    assert len(hint(secret)) <= 9


@given(kinds, st.integers(0, 10**6), st.characters())
def test_any_change_of_one_character_is_caught(kind: KeyKind, position: int, character: str) -> None:
    secret = mint(kind)
    at = position % len(secret)
    changed = secret[:at] + character + secret[at + 1 :]
    assert well_formed(changed, kind) is (changed == secret)


@given(kinds, st.integers(0, 10**6), st.characters())
def test_a_lost_a_doubled_and_two_swapped_characters_are_caught(kind: KeyKind, position: int, character: str) -> None:
    secret = mint(kind)
    at = position % (len(secret) - 1)
    swapped = secret[:at] + secret[at + 1] + secret[at] + secret[at + 2 :]
    assert not well_formed(secret[:at] + secret[at + 1 :], kind)
    assert not well_formed(secret[:at] + character + secret[at:], kind)
    assert well_formed(swapped, kind) is (swapped == secret)


@given(st.text(max_size=60), kinds)
def test_text_that_we_did_not_mint_is_not_well_formed(text: str, kind: KeyKind) -> None:
    assert not well_formed(text, kind)
    assert not well_formed(kind + text, kind)


@given(names)
def test_no_pattern_and_a_star_allow_every_model(model: str) -> None:
    assert model_allowed((), model)
    assert model_allowed(("*",), model)
    assert model_allowed(("other", model), model)


@given(names, names)
def test_a_name_without_star_allows_itself_only(pattern: str, model: str) -> None:
    assert model_allowed((pattern,), model) is (pattern == model)


@given(names, names, names)
def test_a_star_stands_for_any_part(head: str, middle: str, tail: str) -> None:
    assert model_allowed((f"{head}*{tail}",), head + middle + tail)
    assert model_allowed((f"{head}*{tail}",), head + tail)
    assert model_allowed((f"{head}/*",), f"{head}/{middle}")
    assert not model_allowed((f"{head}/*",), f"x{head}/{middle}") or head.startswith("x")


def test_patterns_tell_upper_from_lower_case() -> None:
    assert not model_allowed(("openai/GPT-*",), "openai/gpt-4o")


def test_each_role_may_at_least_what_the_next_may() -> None:
    roles = [ROLE_PERMISSIONS[role] for role in Role if role is not Role.REVIEWER]
    assert all(higher >= lower for higher, lower in pairwise(roles))
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert Permission.ADMIN not in ROLE_PERMISSIONS[Role.EDITOR]
    assert Permission.WRITE not in ROLE_PERMISSIONS[Role.VIEWER]
