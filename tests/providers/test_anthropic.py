"""Accounts at Anthropic: both of its APIs, versions and betas, and its errors."""

import pytest

from pilothouse import errors
from pilothouse.errors import UpstreamError
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Outbound, Provider

SECRET = "sk-ant-0123456789"


def account(base_url: str = "") -> Provider:
    return table.make("anthropic", AccountOptions("acc", base_url, SECRET))


@pytest.mark.parametrize(
    ("dialect", "target", "header"),
    [
        ("anthropic_messages", b"/v1/messages", (b"x-api-key", SECRET.encode())),
        ("anthropic_count_tokens", b"/v1/messages/count_tokens", (b"x-api-key", SECRET.encode())),
    ],
)
@pytest.mark.parametrize(
    "base_url",
    ["", "https://api.anthropic.com", "https://api.anthropic.com/v1/", "https://api.anthropic.com/v1/messages"],
)
def test_each_api_gets_the_key_in_its_own_header(
    base_url: str, dialect: str, target: bytes, header: tuple[bytes, bytes]
) -> None:
    request = account(base_url).request(Outbound(dialect, b"{}"))
    assert request.target == target
    assert header in request.headers
    names = {name for name, _ in (*request.headers, *request.more_headers)}
    assert len(names & {b"x-api-key", b"authorization"}) == 1
    assert b"anthropic-version" in names


def test_other_dialects_are_converted_to_messages() -> None:
    assert account().dialects == ("anthropic_messages", "anthropic_count_tokens")
    with pytest.raises(errors.EndpointUnknown):
        account().request(Outbound("openai_chat", b"{}"))


def test_the_version_is_ours_unless_the_caller_names_one() -> None:
    plain = account().request(Outbound("anthropic_messages", b"{}"))
    assert dict(plain.more_headers)[b"anthropic-version"] == b"2023-06-01"
    asked = ((b"anthropic-version", b"2099-01-01"), (b"anthropic-beta", b"a,b"), (b"openai-beta", b"x"))
    given = account().request(Outbound("anthropic_messages", b"{}", headers=asked))
    assert given.more_headers == asked[:2]
    betas = account().request(Outbound("anthropic_messages", b"{}", headers=asked[1:]))
    assert dict(betas.more_headers) == {b"anthropic-version": b"2023-06-01", b"anthropic-beta": b"a,b"}


ERRORS: list[tuple[int, str, type[UpstreamError]]] = [
    (400, "invalid_request_error", errors.UpstreamInvalid),
    (401, "authentication_error", errors.UpstreamAuth),
    (402, "billing_error", errors.UpstreamBilling),
    (403, "permission_error", errors.UpstreamAuth),
    (404, "not_found_error", errors.UpstreamNotFound),
    (413, "request_too_large", errors.UpstreamInvalid),
    (429, "rate_limit_error", errors.UpstreamRateLimited),
    (500, "api_error", errors.UpstreamFault),
    (504, "timeout_error", errors.UpstreamTimeout),
    (529, "overloaded_error", errors.UpstreamOverloaded),
]


@pytest.mark.parametrize(("status", "kind", "expected"), ERRORS)
def test_errors_of_answers_and_of_streams(status: int, kind: str, expected: type[UpstreamError]) -> None:
    body = b'{"type":"error","error":{"type":"%s","message":"m"},"request_id":"req_1"}' % kind.encode()
    assert type(account().failure(status, [], body)) is expected
    # Inside a stream the status was 200.
    assert type(account().failure(200, [], body)) is expected
