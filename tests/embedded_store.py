"""A real store process for tests: one for the whole run, and private ones that a test may kill."""

import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from pilothouse.store.telemetry.client import Telemetry
from pilothouse.store.telemetry.options import StoreOptions

SECRET = "only-for-tests"
_BOOT = (
    "import sys; from pathlib import Path; from pilothouse.store.embedded.options import EmbeddedOptions as O;"
    "from pilothouse.store.embedded.server import run;"
    "run(O(path=Path(sys.argv[1]), port_file=Path(sys.argv[2]), secret=sys.stdin.read(),"
    " background_threads=int(sys.argv[3])))"
)


class StoreProcess:
    """A store process on `folder`; `start` returns once it answers."""

    def __init__(self, folder: Path, background_threads: int = 2) -> None:
        self.folder = folder
        self._background_threads = background_threads
        self._port_file = folder / "port"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> "subprocess.Popen[bytes]":
        """Start a process without waiting for it; what it complains about ends in `errors`."""
        secret = self.folder / "secret"
        secret.write_text(SECRET)
        paths = str(self.folder / "telemetry"), str(self._port_file)
        command = [sys.executable, "-c", _BOOT, *paths, str(self._background_threads)]
        with secret.open("rb") as stdin, self.errors.open("wb") as stderr:
            return subprocess.Popen(command, stdin=stdin, stderr=stderr)

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self._port_file.unlink(missing_ok=True)
        self._process = self.launch()
        while not self._port_file.exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.02)
                raise AssertionError(self.errors.read_text())

    @property
    def errors(self) -> Path:
        """The process's standard error."""
        return self.folder / "stderr"

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The running process."""
        assert self._process is not None
        return self._process

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port_file.read_text().strip()}"

    def options(self, **changes: object) -> StoreOptions:
        """Return client options for it."""
        return StoreOptions(**{"url": self.url, "secret": SECRET, **changes})  # type: ignore[arg-type]

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextlib.contextmanager
def running(folder: Path, background_threads: int = 2) -> Iterator[StoreProcess]:
    """Run a store process of a test's own."""
    store = StoreProcess(folder, background_threads)
    store.start()
    try:
        yield store
    finally:
        if store.process.poll() is None:
            store.kill()


def own_store() -> Any:
    """Return the fixture `store_process` for files that need a store of their own, because all that is in it counts."""

    @pytest.fixture(scope="module")
    def store_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
        with running(tmp_path_factory.mktemp("store")) as store:
            yield store

    return store_process


@pytest.fixture(scope="session")
def store_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """The store process of the whole run; tests keep apart by project."""
    with running(tmp_path_factory.mktemp("store")) as store:
        yield store
        assert store.stop() == 0


@pytest.fixture
async def telemetry(store_process: StoreProcess) -> AsyncIterator[Telemetry]:
    """A client of the shared store, with its schema."""
    client = Telemetry(store_process.options())
    await client.migrate()
    yield client
    await client.close()
