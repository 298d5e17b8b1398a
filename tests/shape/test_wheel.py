"""The wheel holds what users need and nothing else."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_web_ui_is_in_it(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "pilothouse/server/static/index.html" in names, "run `make web` first"
    html = wheel.read("pilothouse/server/static/index.html").decode()
    assets = re.findall(r'(?:src|href)="\./([^"]+)"', html)
    assert assets
    for asset in assets:
        assert f"pilothouse/server/static/{asset}" in names


def test_types_and_migrations_are_in_it(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    assert "pilothouse/py.typed" in names
    assert [name for name in names if re.match(r"pilothouse/store/metadata/migrations/versions/v0001\w*\.py", name)]


def test_facts_of_models_are_in_it(wheel: zipfile.ZipFile) -> None:
    assert "pilothouse/catalog/facts.toml" in wheel.namelist()


def test_everything_else_stays_out(wheel: zipfile.ZipFile) -> None:
    allowed = re.compile(
        r"pilothouse/(.*\.py|py\.typed|catalog/facts\.toml|server/static/.*)$|pilothouse-[0-9.]+\.dist-info/.*$"
    )
    assert [name for name in wheel.namelist() if not allowed.match(name)] == []


def test_no_secret_and_no_path_of_the_build_machine_is_in_it(wheel: zipfile.ZipFile) -> None:
    suspicious = re.compile(rb"\bph[slov]?_[0-9A-Za-z]{46}\b|\bsk-[A-Za-z0-9]{32,}|-----BEGIN [A-Z ]*PRIVATE KEY")
    for name in wheel.namelist():
        content = wheel.read(name)
        assert not suspicious.search(content), name
        assert str(ROOT).encode() not in content, name


def test_the_metadata_names_no_address_of_a_registry(wheel: zipfile.ZipFile) -> None:
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("/METADATA"))).decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist")]
    assert required
    assert not any("://" in line or " @ " in line for line in required)


def test_the_version_is_the_packages_own(wheel: zipfile.ZipFile) -> None:
    written = re.search(r'__version__ = "([^"]+)"', wheel.read("pilothouse/__init__.py").decode())
    assert written is not None
    assert f"pilothouse-{written[1]}.dist-info/METADATA" in wheel.namelist()
