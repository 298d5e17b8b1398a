"""Accounts at Azure OpenAI: both forms of its paths, and both kinds of secret."""

import pytest

from pilothouse import errors
from pilothouse.errors import EndpointUnknown, SettingsInvalid
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Outbound, Provider

KEY = "0123456789abcdef"
TOKEN = "eyJ0eXAi.eyJhdWQi.c2lnbmF0dXJl"
HOST = "https://res.openai.azure.com"
OLD = "2024-10-21"


def account(base_url: str = HOST, secret: str = KEY) -> Provider:
    return table.make("azure_openai", AccountOptions("acc", base_url, secret))


@pytest.mark.parametrize(
    ("base_url", "target"),
    [
        (HOST, b"/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/", b"/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1/chat/completions", b"/openai/v1/chat/completions"),
        ("https://res.services.ai.azure.com/openai/v1", b"/openai/v1/chat/completions"),
        (f"{HOST}/api-version={OLD}", b"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (f"{HOST}?api-version={OLD}", b"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (f"{HOST}/openai?api-version={OLD}", b"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"),
        (
            f"{HOST}/openai/deployments/fixed/chat/completions?api-version={OLD}",
            b"/openai/deployments/fixed/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_base_urls_as_people_give_them(base_url: str, target: bytes) -> None:
    assert account(base_url).request(Outbound("openai_chat", b"{}", "my gpt")).target == target


def test_the_older_form_has_no_responses() -> None:
    assert "openai_responses" in account().dialects
    old = account(f"{HOST}/api-version={OLD}")
    assert old.dialects[0] == "openai_chat"
    with pytest.raises(EndpointUnknown):
        old.request(Outbound("openai_responses", b"{}", "m"))


@pytest.mark.parametrize("base_url", [HOST, f"{HOST}/api-version={OLD}"])
def test_a_key_and_a_token_of_entra_go_into_headers_of_their_own(base_url: str) -> None:
    for secret, header in ((KEY, (b"api-key", KEY)), (TOKEN, (b"authorization", f"Bearer {TOKEN}"))):
        provider = account(base_url, secret)
        for request in (provider.request(Outbound("openai_chat", b"{}", "m")), provider.probe()):
            found = [
                (name, value.decode()) for name, value in request.headers if name in (b"api-key", b"authorization")
            ]
            assert found == [header]


@pytest.mark.parametrize(
    ("base_url", "target"),
    [(HOST, b"/openai/v1/models"), (f"{HOST}/api-version={OLD}", b"/openai/models?api-version=2024-10-21")],
)
def test_the_probe_asks_for_models(base_url: str, target: bytes) -> None:
    assert account(base_url).probe().target == target
    assert account().models(b'{"data":[{"id":"gpt-4o"}]}') == ["gpt-4o"]


def test_without_a_base_url_it_says_what_one_looks_like() -> None:
    with pytest.raises(SettingsInvalid, match=r"openai\.azure\.com"):
        account("")


def test_errors_of_azure() -> None:
    failure = account().failure
    missing = b'{"error":{"code":"DeploymentNotFound","message":"m"}}'
    assert type(failure(404, [], missing)) is errors.UpstreamNotFound
    assert type(failure(401, [], b'{"error":{"code":"401","message":"m"}}')) is errors.UpstreamAuth
    filtered = b'{"error":{"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}'
    assert type(failure(400, [], filtered)) is errors.ContentPolicy
