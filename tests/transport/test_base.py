"""Origins out of base URLs, and options that keep their secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.errors import InvalidRequest
from pilothouse.transport.base import Origin
from pilothouse.transport.options import TransportOptions


@pytest.mark.parametrize(
    ("url", "origin", "path", "authority"),
    [
        ("https://api.openai.com/v1/", Origin("https", "api.openai.com", 443), "/v1", "api.openai.com"),
        ("http://localhost:11434", Origin("http", "localhost", 11434), "", "localhost:11434"),
        ("HTTP://Example.COM/", Origin("http", "example.com", 80), "", "example.com"),
        ("http://[::1]:8000/v1", Origin("http", "::1", 8000), "/v1", "[::1]:8000"),
        ("https://[2001:db8::1]/a%20b", Origin("https", "2001:db8::1", 443), "/a%20b", "[2001:db8::1]"),
        ("https://bücher.example", Origin("https", "xn--bcher-kva.example", 443), "", "xn--bcher-kva.example"),
        ("https://x.example:80", Origin("https", "x.example", 80), "", "x.example:80"),
    ],
)
def test_a_base_url_is_taken_apart(url: str, origin: Origin, path: str, authority: str) -> None:
    assert Origin.parse(url) == (origin, path)
    assert origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "", "api.openai.com", "ftp://x/", "file:///etc/passwd", "http://", "http://:80", "http://x:0", "http://x:99999",
        "http://x:y", "http://sk-secret@x/", "http://u:sk-secret@x/", "http://x/?k=sk-secret", "http://x/#sk-secret",
        "http://x/a b", "http://x/\r\ny", "http://x y/", "http://[::1", "http://x\0/", " http://x/", "http://x/é",
        "http://[fe80::1%25eth0]/", "http://" + "a" * 70 + ".example",
    ],
)  # fmt: skip
def test_other_urls_are_refused_and_never_shown(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Origin.parse(url)
    assert "sk-secret" not in str(caught.value)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    for url in (text, f"http://{text}", f"https://x/{text}"):
        try:
            origin, path = Origin.parse(url)
        except InvalidRequest:
            continue
        assert (origin.authority + path).isascii()
        assert not set(origin.authority + path) & set("\r\n\0 ?#")
        assert "@" not in origin.authority


def test_options_do_not_show_the_proxy_password() -> None:
    assert "secret" not in repr(TransportOptions(proxy_url="http://u:secret@proxy:1"))
