"""The command line as a whole: fast, and told apart when parts are missing."""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import msgspec
import pytest
import rich
import typer

from pilothouse import __version__
from pilothouse.cli.lengths import length
from pilothouse.errors import InvalidRequest
from tests.cli.conftest import Cli

ROOT = Path(__file__).parents[2]


def test_help_lists_every_command_and_is_fast(cli: Cli) -> None:
    spans: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        done = cli("--help")
        spans.append(time.perf_counter() - began)
    assert done.returncode == 0
    for name in ("up", "serve", "doctor", "keys", "traces", "models", "version"):
        assert f"  {name} " in done.stdout
    # the best of five: other work on the machine only ever adds
    assert min(spans) < 0.3


def test_help_loads_no_heavy_package() -> None:
    code = (
        "import sys; from pilothouse.cli.main import app\n"
        "try: app(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('httpx', 'pydantic', 'uvicorn', 'sqlalchemy', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("version").stdout.startswith(f"pilothouse {__version__}")
    assert json.loads(cli("version", "--json").stdout)["version"] == __version__


@pytest.fixture
def base_install(tmp_path: Path) -> Path:
    """A folder with what `pip install pilothouse` brings and nothing else."""
    folder = tmp_path / "base"
    folder.mkdir()
    names = [
        "msgspec", "typer", "rich", "httpx", "httpcore", "h11", "anyio", "certifi", "idna", "pygments",
        "markdown_it", "mdurl", "shellingham", "pydantic", "pydantic_core", "annotated_types", "typing_inspection",
        "typing_extensions.py", "annotated_doc", "sniffio",
    ]  # fmt: skip
    homes = {Path(module.__file__ or "").parents[1] for module in (msgspec, typer, rich, httpx)}
    for home in homes:
        for name in names:
            if (home / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to(home / name)
    (folder / "pilothouse").symlink_to(ROOT / "src" / "pilothouse")
    return folder


def run_base(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pilothouse.cli.main import run; run()"
    command = [sys.executable, "-S", "-c", code, str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize("arguments", [["up"], ["serve", "--roles", "gateway"]])
def test_without_the_server_parts_the_extra_is_named(arguments: list[str], base_install: Path) -> None:
    done = run_base(base_install, *arguments)
    assert done.returncode == 1
    assert "error [extra_missing]" in done.stderr
    assert "pip install 'pilothouse[server]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_server_parts_the_rest_works(base_install: Path) -> None:
    assert run_base(base_install, "version").returncode == 0
    assert run_base(base_install, "keys", "list", "--url", "http://127.0.0.1:1").returncode == 3
    findings = json.loads(run_base(base_install, "doctor", "--json").stdout)
    assert any("pilothouse[server]" in finding["mend"] for finding in findings)


def test_lengths_of_time_are_read_or_refused() -> None:
    assert length("90m").total_seconds() == 5400
    for text in ("", "1", "1y", "-1d", "1.5h"):
        with pytest.raises(InvalidRequest):
            length(text)
