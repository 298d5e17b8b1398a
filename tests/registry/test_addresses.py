"""Base URLs of provider accounts."""

import pytest

from pilothouse.errors import InvalidRequest
from pilothouse.registry.addresses import base_url, same_origin


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        (" https://api.openai.com/v1/ ", "https://api.openai.com/v1"),
        ("http://localhost:11434/v1", "http://localhost:11434/v1"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://10.1.2.3/v1", "http://10.1.2.3/v1"),
        ("http://192.168.0.9", "http://192.168.0.9"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://[fd12:3456::1]/v1", "http://[fd12:3456::1]/v1"),
        ("http://vllm_1.svc.cluster.local:8000/v1", "http://vllm_1.svc.cluster.local:8000/v1"),
        ("https://x.example/openai/deployments/gpt%204/", "https://x.example/openai/deployments/gpt%204"),
    ],
)
def test_usable_urls_are_kept_without_a_slash_at_the_end(given: str, kept: str) -> None:
    assert base_url(given) == kept


@pytest.mark.parametrize(
    "url",
    [
        "api.openai.com/v1", "ftp://host/v1", "file:///etc/passwd", "https://", "https:///v1", "http://user@host/v1",
        "http://user:pass@host/v1", "https://host/v1?key=1", "https://host/v1?", "https://host/#a", "http://host:0/",
        "http://host:99999/", "http://host:x/", "http://ho st/", "http://host/a\nb", "http://host\\@evil/", "http://é.example",
        "http://[::1", "http://999.1.1.1/", "http://0x/", "http://host/" + "a" * 3000, "http://ho%73t/",
    ],
)  # fmt: skip
def test_unusable_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        base_url(url)
    assert caught.value.param == "base_url"
    assert "pass" not in caught.value.detail.replace("password", "")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "169.254.0.1", "169.254.169.254.", "2852039166", "0xa9fea9fe", "0xA9.254.0xa9.254",
        "169.254.43518", "0251.0376.0251.0376", "[fe80::1]", "[fe80::1%25eth0]", "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]", "[fd00:ec2::254]", "metadata.google.internal",
        "METADATA.google.internal.", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "[ff02::1]",
        "255.255.255.255",
    ],
)  # fmt: skip
def test_link_local_and_metadata_addresses_are_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(InvalidRequest, match="metadata"):
        base_url(f"http://{host}/latest/meta-data")


def test_same_origin_knows_default_ports() -> None:
    assert same_origin("https://a.example/v1", "https://A.example:443/v2")
    assert not same_origin("https://a.example", "http://a.example")
    assert not same_origin("https://a.example", "https://a.example:8443")
    assert not same_origin("https://a.example", "https://b.example")
