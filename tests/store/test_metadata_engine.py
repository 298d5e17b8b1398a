"""URLs and driver errors of the metadata database."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from pilothouse.errors import DataFolderUnwritable, DiskFull, MetadataUnavailable, SettingsInvalid
from pilothouse.store.metadata.database import Metadata
from pilothouse.store.metadata.engine import make_engine, parse_url, place, translated
from pilothouse.store.metadata.options import MetadataOptions
from tests.postgres import PASSWORD, Cluster


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://host",
        "postgresql://u:pa/ss@h:x/d",
    ],
)
def test_unusable_urls_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        parse_url(url)
    assert "pa/ss" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///data/pilothouse.db", "data/pilothouse.db"),
        ("sqlite:////var/pilothouse.db", "/var/pilothouse.db"),
        ("postgresql://user:hunter2@db.example:5433/pilot?sslmode=require", "db.example:5433/pilot"),
        ("postgres://user:hunter2@db.example/pilot", "db.example/pilot"),
    ],
)
def test_messages_name_the_place_and_no_password(url: str, shown: str) -> None:
    assert place(parse_url(url)) == shown
    assert "hunter2" not in repr(MetadataOptions(url=url))


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    opened = Metadata(MetadataOptions(url="postgresql://pilot:hunter2@127.0.0.1:1/pilot"))
    await opened.connect()
    with pytest.raises(MetadataUnavailable) as caught:
        await opened.migrate()
    assert "127.0.0.1:1/pilot" in caught.value.detail
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "does not answer" in (await opened.ping() or "")
    await opened.close()


@pytest.mark.postgres
async def test_a_wrong_password_is_unavailable_and_not_repeated(postgres: Cluster) -> None:
    url = postgres.url("postgres").replace("s3cret%2Fp%40ss", "wr0ng")
    opened = Metadata(MetadataOptions(url=url))
    await opened.connect()
    with pytest.raises(MetadataUnavailable) as caught:
        await opened.migrate()
    assert "wr0ng" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert PASSWORD not in f"{caught.value!r} {caught.value.__cause__!r}"
    await opened.close()


@pytest.mark.postgres
async def test_connections_that_the_server_has_closed_are_replaced(postgres: Cluster) -> None:
    opened = Metadata(MetadataOptions(url=postgres.new_database()))
    await opened.connect()
    await opened.migrate()
    killer = make_engine(MetadataOptions(url=postgres.url("postgres")))
    with killer.connect() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test_%'"))
    killer.dispose()
    assert await opened.read(lambda tx: tx.version.get()) == 0
    assert await opened.write(lambda tx: tx.version.bump()) == 1
    await opened.close()


async def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    opened = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path}/pilothouse.db"))
    await opened.connect()
    await opened.migrate()
    await opened.close()
    engine = make_engine(MetadataOptions(url=f"sqlite:///{tmp_path}/pilothouse.db"))
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        with pytest.raises(DiskFull), translated("here"):
            connection.execute(text("INSERT INTO kv VALUES ('a', :value)"), {"value": "x" * 1_000_000})
    engine.dispose()


async def test_a_locked_file_is_unavailable_after_the_wait(tmp_path: Path) -> None:
    path = tmp_path / "pilothouse.db"
    opened = Metadata(MetadataOptions(url=f"sqlite:///{path}", busy_timeout_s=0.05))
    await opened.connect()
    await opened.migrate()
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(MetadataUnavailable, match="SQLITE_BUSY"):
        await opened.write(lambda tx: tx.version.bump())
    assert await opened.read(lambda tx: tx.version.get()) == 0
    other.rollback()
    other.close()
    assert await opened.write(lambda tx: tx.version.bump()) == 1
    await opened.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "pilothouse.db").write_text("these are not the bytes of a database" * 100)
    opened = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path}/pilothouse.db"))
    await opened.connect()
    with pytest.raises(MetadataUnavailable, match="SQLITE_NOTADB"):
        await opened.migrate()
    await opened.close()


async def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    opened = Metadata(MetadataOptions(url=f"sqlite:///{tmp_path}/nowhere/pilothouse.db"))
    with pytest.raises(DataFolderUnwritable, match="nowhere"):
        await opened.connect()
