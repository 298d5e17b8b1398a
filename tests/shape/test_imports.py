"""Importing a module does nothing, and a process loads what its role needs and no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
# the engine starts threads and opens its own files when it is imported, which is why one module alone does
ENGINE = "pilothouse.store.embedded.engine"
RUN_AS_SCRIPT = ("pilothouse.store.metadata.migrations.env",)

IMPORT_ALL = """
import importlib, json, os, sys, threading
# whatever third parties do when they are imported is theirs
names = sys.argv[1:]
seen = []
def hook(event, arguments):
    if not active:
        return
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.mkdir", "os.remove",
                         "os.rename", "os.rmdir", "os.chmod", "shutil.", "tempfile.", "signal.", "sqlite3.connect")):
        seen.append(event)
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(f"write {arguments[0]}")
active = False
sys.addaudithook(hook)
sys.dont_write_bytecode = True
found = {}
for again in (False, True):
    # the first round loads third parties, the second measures our modules alone; all are forgotten together, for two
    # modules may fill one value, such as the tables of the metadata database
    for name in names if again else ():
        sys.modules.pop(name, None)
    for name in names:
        threads, environment = threading.active_count(), dict(os.environ)
        active, seen[:] = again, []
        importlib.import_module(name)
        active = False
        effects = list(seen)
        effects += ["thread"] if threading.active_count() > threads and again else []
        effects += ["environment"] if dict(os.environ) != environment and again else []
        if effects:
            found[name] = effects
print(json.dumps(found))
"""

LOADED = """
import importlib, sys
importlib.import_module(sys.argv[1])
print("\\n".join(sys.modules))
"""


def modules() -> list[str]:
    found: list[str] = []
    for path in sorted((SOURCE / "pilothouse").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if "versions" not in parts and name not in (ENGINE, *RUN_AS_SCRIPT):
            found.append(name)
    return found


def loaded_by(module: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED, module], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_any_module_has_no_effect() -> None:
    """No socket, no process, no write, no thread, no change of the environment."""
    names = [name for name in modules() if name != "pilothouse.store.embedded.server"]
    names = [name for name in names if name not in ("pilothouse.store.embedded.http", "pilothouse.wiring.store")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {}


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("pilothouse.wiring.gateway",
         ("pilothouse.store.telemetry.client", "pilothouse.registry", "pilothouse.server.app", "clickhouse_connect",
          "litestar", "chdb", "xllamacpp", "alembic")),
        ("pilothouse.wiring.platform", ("chdb", "xllamacpp", "pilothouse.gateway.app")),
        ("pilothouse.wiring.ingest",
         ("chdb", "xllamacpp", "pilothouse.gateway.app", "pilothouse.server.app", "litestar", "grpc")),
        ("pilothouse.wiring.machine",
         ("chdb", "xllamacpp", "litestar", "sqlalchemy", "clickhouse_connect", "uvicorn", "pilothouse.gateway.app")),
        ("pilothouse.wiring.local_model", ("chdb", "litestar", "sqlalchemy", "uvicorn", "clickhouse_connect")),
        ("pilothouse.wiring.store",
         ("litestar", "sqlalchemy", "xllamacpp", "clickhouse_connect", "pilothouse.server.app")),
        ("pilothouse.settings",
         ("cryptography", "litestar", "sqlalchemy", "clickhouse_connect", "uvicorn", "uvloop", "httptools", "httpx")),
        ("pilothouse.sdk",
         ("litestar", "sqlalchemy", "httpx", "uvicorn", "grpc", "clickhouse_connect", "chdb", "typer", "rich",
          "pilothouse.settings", "pilothouse.errors", "pilothouse.domain.span", "pilothouse.domain.call",
          "pilothouse.domain.snapshot", "pilothouse.otlp")),
        ("pilothouse.cli.main", ("httpx", "rich", "msgspec", "pilothouse.settings")),
    ],
)  # fmt: skip
def test_a_process_loads_only_what_it_needs(module: str, forbidden: tuple[str, ...]) -> None:
    assert loaded_by(module) & set(forbidden) == set()


def test_no_role_loads_another_roles_packages_by_name() -> None:
    """The base install reads settings and calls the API: nothing of that may need an extra."""
    assert loaded_by("pilothouse.cli.client") & {"psutil", "uvloop", "cryptography", "argon2", "alembic"} == set()
