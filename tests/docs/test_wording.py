"""Pages speak of no particular machine and lead to no address that was not meant."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pilothouse.providers import table
from tests.docs.pages import PAGES, blocks, name

HOSTS = re.compile(r"127\.0\.0\.1|localhost|10\.\d+\.\d+\.\d+|(.+\.)?example\.com|host")
"""This machine, a private network, and the names kept for examples."""
PROVIDERS = {urlsplit(kind.base_url).hostname for kind in table.describe()}
"""The default addresses of the providers that operators connect."""
_HOST = re.compile(r"[a-z]+://(?:[^\s/@`]*@)?([A-Za-z0-9][A-Za-z0-9.-]*)")
_HOME = re.compile(r"(?<![\w.])/(?:home|root|Users|work|mnt|workspace)/")
_LANGUAGES = {"bash", "python", "js", "json", "text", "toml", "yaml", "nginx"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_path_of_a_machine_and_no_strange_address(page: Path) -> None:
    text = page.read_text()
    assert _HOME.findall(text) == []
    assert sorted(host for host in set(_HOST.findall(text)) - PROVIDERS if not HOSTS.fullmatch(host)) == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_its_language(page: Path) -> None:
    assert [(block.line, block.language) for block in blocks(page) if block.language not in _LANGUAGES] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_secret_was_pasted(page: Path) -> None:
    assert re.findall(r"\b(?:ph[slov]?_|sk-)[A-Za-z0-9]{12,}", page.read_text()) == []
