"""Several keys of one account: read, taken in turns, rested, struck."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.clock import FakeClock
from pilothouse.errors import (
    ContentPolicy,
    SettingsInvalid,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamError,
    UpstreamFault,
    UpstreamRateLimited,
)
from pilothouse.providers.base import AccountOptions, Outbound, Pooled, Provider, WeightedKey
from pilothouse.providers.keys import KeyRing, keys_of
from pilothouse.providers.openai_compatible import OpenAICompatible
from pilothouse.transport.base import Request

ROW = OpenAICompatible(title="Any", base_url="https://x.test/v1")
CALL = Outbound("openai_chat", b"{}")


def account(secret: str, clock: FakeClock, *, secrets: tuple[WeightedKey, ...] = ()) -> Provider:
    return ROW.open(AccountOptions("acc", secret=secret, secrets=secrets), clock)


def sent(request: Request) -> str:
    return dict(request.headers)[b"authorization"].decode().removeprefix("Bearer ")


def failed(provider: Provider, request: Request, error: UpstreamError) -> bool:
    assert isinstance(provider, Pooled)
    return provider.failed(request, error)


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        ("sk-a", [("sk-a", 1)]),
        ("  sk-a \n", [("sk-a", 1)]),
        ("sk-a\nsk-b", [("sk-a", 1), ("sk-b", 1)]),
        ("3 sk-a\r\n\r\n 1   sk-b \r\n", [("sk-a", 3), ("sk-b", 1)]),
        ("12345", [("12345", 1)]),
    ],
)
def test_keys_are_given_one_a_line(secret: str, keys: list[tuple[str, int]]) -> None:
    found = keys_of(AccountOptions("acc", secret=secret), needed=True)
    assert [(key.secret, key.weight) for key in found] == keys


@pytest.mark.parametrize("secret", ["0 sk-a", "1001 sk-a", "-1 sk-a", "1.5 sk-a", "two sk-a", "1 sk a", "²  sk-a"])
def test_lines_that_are_no_keys_are_refused_without_showing_them(secret: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        keys_of(AccountOptions("acc", secret=secret), needed=True)
    assert caught.value.param == "secret"
    assert "sk" not in caught.value.detail


def test_further_keys_stand_beside_the_secret() -> None:
    options = AccountOptions("acc", secret="sk-a", secrets=(WeightedKey("sk-b", 2), WeightedKey("")))
    assert keys_of(options, needed=True) == [WeightedKey("sk-a"), WeightedKey("sk-b", 2)]
    assert "sk-" not in f"{options!r}{WeightedKey('sk-b')!r}"


def test_keys_take_turns_by_weight_and_the_next_attempt_gets_another() -> None:
    provider = account("2 sk-a\n1 sk-b\n1 sk-c", FakeClock())
    taken = [sent(provider.request(CALL)) for _ in range(400)]
    assert Counter(taken) == {"sk-a": 200, "sk-b": 100, "sk-c": 100}
    assert {taken[0], taken[1], taken[2], taken[3]} == {"sk-a", "sk-b", "sk-c"}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_over_a_round_every_key_is_taken_as_often_as_it_weighs(weights: list[int]) -> None:
    ring = KeyRing([WeightedKey(f"k{n}", weight) for n, weight in enumerate(weights)], FakeClock())
    taken = Counter(ring.pick().secret for _ in range(sum(weights)))
    assert [taken[f"k{n}"] for n in range(len(weights))] == weights


@pytest.mark.parametrize(
    ("error", "rest_s"),
    [
        (UpstreamAuth("no"), 300),
        (UpstreamBilling("no"), 300),
        (UpstreamRateLimited("no"), 10),
        (UpstreamRateLimited("no", retry_after_s=42), 42),
        (UpstreamRateLimited("no", retry_after_s=1e6), 3600),
    ],
)
def test_a_refused_key_rests_and_the_call_goes_on_with_another(error: UpstreamError, rest_s: int) -> None:
    clock = FakeClock()
    provider = account("sk-a\nsk-b", clock)
    request = provider.request(CALL)
    assert failed(provider, request, error)
    others = {sent(provider.request(CALL)) for _ in range(10)}
    assert others == {"sk-a", "sk-b"} - {sent(request)}
    clock.advance(rest_s - 1)
    assert sent(request) not in {sent(provider.request(CALL)) for _ in range(10)}
    clock.advance(2)
    assert sent(request) in {sent(provider.request(CALL)) for _ in range(10)}


def test_when_all_keys_rest_the_one_that_is_back_first_is_taken() -> None:
    provider = account("sk-a\nsk-b", FakeClock())
    first = provider.request(CALL)
    assert failed(provider, first, UpstreamRateLimited("no", retry_after_s=5))
    second = provider.request(CALL)
    assert not failed(provider, second, UpstreamRateLimited("no", retry_after_s=50))
    assert sent(provider.request(CALL)) == sent(first)


@pytest.mark.parametrize("error", [UpstreamFault("no"), ContentPolicy("no", upstream_status=403)])
def test_what_is_not_about_the_key_does_not_rest_it(error: UpstreamError) -> None:
    provider = account("sk-a\nsk-b", FakeClock())
    assert not failed(provider, provider.request(CALL), error)
    assert {sent(provider.request(CALL)) for _ in range(4)} == {"sk-a", "sk-b"}


def test_a_single_key_is_always_taken() -> None:
    provider = account("sk-a", FakeClock())
    assert not failed(provider, provider.request(CALL), UpstreamAuth("no"))
    assert sent(provider.request(CALL)) == "sk-a"


def test_every_key_is_struck_from_failures() -> None:
    provider = account("sk-a-1\nsk-a-1-longer", FakeClock(), secrets=(WeightedKey("sk-third"),))
    failure = provider.failure(401, [], b'{"error":{"message":"sk-a-1-longer, sk-a-1, sk-third"}}')
    assert failure.body == b'{"error":{"message":"***, ***, ***"}}'
    assert "sk-" not in failure.detail


def test_no_part_of_a_key_is_left_at_the_cut() -> None:
    provider = account("sk-secret-0123456789", FakeClock())
    body = b"x" * (64 * 1024 - 8) + b"sk-secret-0123456789"
    assert b"sk-" not in provider.failure(500, [], body).body
