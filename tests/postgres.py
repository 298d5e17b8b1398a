"""A throw-away PostgreSQL cluster, and metadata databases on SQLite and on it."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

PASSWORD = "s3cret/p@ss"
_QUOTED = "s3cret%2Fp%40ss"
_OFF = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=", "max_connections=60")


class Cluster:
    """A running server that listens on a Unix socket only."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._numbers = itertools.count(1)
        # initdb and postgres refuse to run as root
        self._user = None if os.getuid() else next(name for name in ("postgres", "nobody") if _exists(name))

    def start(self) -> None:
        """Make the cluster and wait until it answers."""
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        if self._user:
            for path in (self.folder, password_file):
                shutil.chown(path, self._user)
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "pilot", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "-N",
                  f"--pwfile={password_file}")  # fmt: skip
        options = " ".join(f"-c {option}" for option in (*_OFF, f"unix_socket_directories={self.folder}"))
        self._run("pg_ctl", "-D", data, "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """End every server process."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        return self.url(name)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://pilot:{_QUOTED}@/{database}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=50,
        )


def _exists(user: str) -> bool:
    return any(entry.pw_name == user for entry in pwd.getpwall())


def _programs() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    found = installed[-1] if installed else Path(on_path) if on_path else None
    return found.parent if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """One cluster for the whole run; skips without PostgreSQL's programs, but fails where CI is set."""
    programs = _programs()
    if programs is None:
        reason = "PostgreSQL's initdb is neither under /usr/lib/postgresql/*/bin nor in PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    cluster = Cluster(programs, folder)
    try:
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Cluster) -> str:
    """The URL of an empty PostgreSQL database."""
    return postgres.new_database()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/pilothouse.db"
    return request.getfixturevalue("postgres_url")
