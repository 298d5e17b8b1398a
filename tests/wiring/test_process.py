"""What every process does: no secret in its logs."""

import subprocess
import sys

import pytest

from pilothouse.domain.access import KeyKind, mint
from pilothouse.wiring.process import scrub


@pytest.mark.parametrize("kind", list(KeyKind))
def test_our_own_secrets_are_scrubbed(kind: KeyKind) -> None:
    secret = mint(kind)
    assert secret[len(kind) :] not in scrub(f'{{"message": "seen {secret}."}}', [])


@pytest.mark.parametrize(
    "text",
    [
        "sk-proj-abcdefghijklmnop1234567890",
        "Authorization: Bearer abcdefghijklmnop1234567890",
        "postgresql://user:abcdefghijklmnop1234567890@host/db",
        "the key abcdefghijklmnop1234567890 itself",
    ],
)
def test_provider_keys_and_passwords_are_scrubbed(text: str) -> None:
    assert "abcdefghijklmnop" not in scrub(text, ["abcdefghijklmnop1234567890"] if text.startswith("the key") else [])


def test_ordinary_text_stays() -> None:
    text = '{"message": "graph of phases at http://127.0.0.1:4000/v1 by user@example.com"}'
    assert scrub(text, []) == text


def test_the_limit_of_open_files_is_raised_to_what_the_system_allows() -> None:
    script = (
        "import resource\n"
        "from pilothouse.wiring.process import raise_file_limit\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))\n"
        "raise_file_limit()\n"
        "assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
