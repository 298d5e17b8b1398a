"""Lock files: pinned, hashed, and silent about where packages come from."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
NPM_LOCKS = [ROOT / folder / "package-lock.json" for folder in ("web", "tests/sdks/node")]
ADDRESS = re.compile(r"https?://|file:|--index|--find-links|--extra-index|--trusted-host", re.IGNORECASE)


@pytest.mark.parametrize("path", [*LOCKS, *sorted((ROOT / "requirements").glob("*.in"))], ids=lambda path: path.name)
def test_no_lock_names_an_address(path: Path) -> None:
    assert (
        ADDRESS.findall(path.read_text().replace("--no-emit-find-links", "").replace("--no-emit-index-url", "")) == []
    )


@pytest.mark.parametrize("path", NPM_LOCKS, ids=lambda path: path.parent.name)
def test_no_npm_lock_names_an_address(path: Path) -> None:
    assert re.findall(r'"resolved":\s*"[^"]*"', path.read_text()) == []


@pytest.mark.parametrize("path", [path for path in LOCKS if path.name != "overrides.txt"], ids=lambda path: path.name)
def test_every_package_is_pinned_and_hashed(path: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE).strip())
    for entry in entries:
        assert re.match(r"^[A-Za-z0-9._-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


def test_the_locks_hold_what_the_package_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["server"],
        *project["optional-dependencies"]["local"],
    ]
    names = {re.split(r"[^A-Za-z0-9-]", one)[0].lower() for one in wanted}
    locked = {line.split("==")[0].lower() for line in (ROOT / "requirements" / "server.txt").read_text().splitlines()}
    assert names - locked == set()


def test_the_lock_for_development_holds_what_the_sdk_asks_for() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["sdk"]
    locked = {line.split("==")[0].lower() for line in (ROOT / "requirements" / "dev.txt").read_text().splitlines()}
    assert {re.split(r"[^A-Za-z0-9-]", one)[0].lower() for one in wanted} - locked == set()


def test_the_store_needs_neither_pandas_nor_pyarrow() -> None:
    locked = (ROOT / "requirements" / "server.txt").read_text()
    assert re.findall(r"^(?:pandas|pyarrow|numpy)==", locked, re.MULTILINE) == []
