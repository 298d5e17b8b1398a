"""Accounts at OpenAI-like servers: URLs, headers and options."""

import pytest

from pilothouse.errors import EndpointUnknown, InvalidRequest, SettingsInvalid, UpstreamProtocol
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Outbound, Provider

SECRET = "sk-test-0123456789"


def account(provider: str = "openai", **options: object) -> Provider:
    return table.make(provider, AccountOptions(**{"account": "acc", "secret": SECRET, **options}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("base_url", "host", "port", "target"),
    [
        ("http://127.0.0.1:9000", "127.0.0.1", 9000, b"/v1/chat/completions"),
        ("http://127.0.0.1:9000/", "127.0.0.1", 9000, b"/v1/chat/completions"),
        ("http://127.0.0.1:9000/v1", "127.0.0.1", 9000, b"/v1/chat/completions"),
        ("http://127.0.0.1:9000/v1/", "127.0.0.1", 9000, b"/v1/chat/completions"),
        (" https://x.test/v1 ", "x.test", 443, b"/v1/chat/completions"),
        ("https://x.test/v1/chat/completions", "x.test", 443, b"/v1/chat/completions"),
        ("https://x.test/v1/models", "x.test", 443, b"/v1/chat/completions"),
        ("https://x.test/openai/deployments/d", "x.test", 443, b"/openai/deployments/d/chat/completions"),
        ("https://x.test/chat/completions", "x.test", 443, b"/chat/completions"),
        ("http://[::1]:1234/api/v0", "::1", 1234, b"/api/v0/chat/completions"),
    ],
)
def test_base_urls_as_people_give_them(base_url: str, host: str, port: int, target: bytes) -> None:
    request = account(base_url=base_url).request(Outbound("openai_chat", b"{}"))
    assert (request.origin.host, request.origin.port, request.target) == (host, port, target)


@pytest.mark.parametrize(
    "base_url", ["ftp://x", "x.test/v1", "https://user:pw@x.test", "https://x.test/v1?key=1", "http://"]
)
def test_base_urls_that_cannot_be_used(base_url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        account(base_url=base_url)
    assert caught.value.param == "base_url"
    assert "pw" not in str(caught.value)


def test_an_account_without_any_base_url_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="base URL"):
        account("openai_compatible")


def test_an_account_that_needs_a_key_is_refused_without() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        account(secret="  ")
    assert caught.value.param == "secret"


@pytest.mark.parametrize("secret", ["sk-a\r\nx-evil: 1", "sk a", "sk-ü", "sk-\x00", "sk-\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        account(secret=secret)
    assert secret not in str(caught.value)


def test_blanks_around_a_pasted_key_go() -> None:
    request = account(secret=f"  {SECRET}\n").request(Outbound("openai_chat", b"{}"))
    assert (b"authorization", f"Bearer {SECRET}".encode()) in request.headers


def test_a_server_without_a_key_gets_no_authorization() -> None:
    request = account("vllm", secret="").request(Outbound("openai_chat", b"{}"))
    assert not {name for name, _ in request.headers} & {b"authorization", b"x-api-key"}


def test_what_a_streamed_and_a_whole_call_ask_for() -> None:
    provider = account()
    streamed = provider.request(Outbound("openai_chat", b"{}", streamed=True, trace="00-a-b-01"))
    whole = provider.request(Outbound("openai_chat", b"{}"))
    assert (b"accept", b"text/event-stream") in streamed.headers
    assert (b"traceparent", b"00-a-b-01") in streamed.more_headers
    assert (b"accept", b"application/json") in whole.headers
    assert b"traceparent" not in dict(whole.headers)


def test_headers_of_the_operator_are_sent() -> None:
    provider = account(headers=(("OpenAI-Organization", "org-1"),))
    for request in (provider.request(Outbound("openai_chat", b"{}")), provider.probe()):
        assert (b"openai-organization", b"org-1") in request.headers


@pytest.mark.parametrize(
    "header",
    [
        ("Host", "x"),
        ("Authorization", "x"),
        ("content-length", "1"),
        ("", "x"),
        ("a b", "x"),
        ("x-a", "1\r\nx: 2"),
        ("x-ü", "1"),
    ],
)
def test_headers_that_would_break_the_request_are_refused(header: tuple[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        account(headers=(header,))
    assert caught.value.param == "headers"


def test_anthropic_has_no_embeddings_and_a_probe_of_its_own() -> None:
    provider = account("anthropic")
    with pytest.raises(EndpointUnknown):
        provider.request(Outbound("openai_embeddings", b"{}"))
    probe = dict(provider.probe().headers)
    assert (probe[b"x-api-key"], probe[b"anthropic-version"]) == (SECRET.encode(), b"2023-06-01")
    assert b"authorization" not in probe


def test_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(SettingsInvalid, match="openai_compatible"):
        table.make("nope", AccountOptions("acc"))


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b'{"object":"list","data":[{"id":"a"},{"id":"b"},{"id":"a"}]}', ["a", "b"]),
        (b'{"data":[]}', []),
        (b'{"models":[{"name":"a"}]}', ["a"]),
        (b'[{"id":"a"},"b",3,{}]', ["a", "b"]),
    ],
)
def test_lists_of_models(body: bytes, names: list[str]) -> None:
    assert account().models(body) == names


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"3", b'{"data":{}}', b"[" * 99999])
def test_what_is_no_list_of_models(body: bytes) -> None:
    with pytest.raises(UpstreamProtocol, match="base URL"):
        account().models(body)
