"""Secrets at rest."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.secret import SecretBox
from pilothouse.errors import SettingsInvalid

BOX = SecretBox(b"k" * 32)


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens_again_in_its_place(secret: str, context: str) -> None:
    assert BOX.open(BOX.seal(secret, context, os.urandom(12)), context) == secret


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_any_changed_byte_is_caught(position: int, change: int) -> None:
    raw = bytearray(base64.b64decode(BOX.seal("sk-secret", "account:1", os.urandom(12))))
    raw[position % len(raw)] ^= change
    with pytest.raises(SettingsInvalid):
        BOX.open(base64.b64encode(raw).decode(), "account:1")


def test_another_place_and_another_key_are_refused() -> None:
    sealed = BOX.seal("sk-secret", "account:1", os.urandom(12))
    with pytest.raises(SettingsInvalid):
        BOX.open(sealed, "account:2")
    with pytest.raises(SettingsInvalid) as caught:
        SecretBox(b"z" * 32).open(sealed, "account:1")
    assert "sk-secret" not in str(caught.value)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert BOX.seal("x", "c", os.urandom(12)) != BOX.seal("x", "c", os.urandom(12))


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_keys_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(SettingsInvalid):
        SecretBox(b"k" * size)


@pytest.mark.parametrize("size", [0, 11, 13])
def test_nonces_of_another_size_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        BOX.seal("x", "c", b"n" * size)
