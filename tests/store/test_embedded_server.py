"""The store process as ClickHouse's HTTP clients see it."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pilothouse.errors import DataFolderUnwritable
from pilothouse.store.embedded.options import EmbeddedOptions
from tests.embedded_store import SECRET, StoreProcess, running

AUTH = {"X-ClickHouse-User": "default", "X-ClickHouse-Key": SECRET}


@pytest.fixture
async def http(store_process: StoreProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=store_process.url, headers=AUTH, trust_env=False) as client:
        yield client


@pytest.fixture
def client(store_process: StoreProcess) -> Iterator[Client]:
    found = connect(store_process)
    yield found
    found.close()


def connect(store: StoreProcess, **changes: object) -> Client:
    port = int(store.url.rsplit(":", 1)[1])
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, password=SECRET, **changes)


async def test_ping_needs_no_secret(store_process: StoreProcess) -> None:
    async with httpx.AsyncClient(base_url=store_process.url, trust_env=False) as client:
        for path in ("/ping", "/"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (200, "Ok.\n")
        assert (await client.get("/elsewhere")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, ""),
        ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "wrong"}, ""),
        ({"X-ClickHouse-User": "other", "X-ClickHouse-Key": SECRET}, ""),
        ({"Authorization": "Basic !!!"}, ""),
        ({}, "&user=default&password=wrong"),
    ],
)
async def test_nobody_reads_without_the_secret(
    store_process: StoreProcess, headers: dict[str, str], query: str
) -> None:
    async with httpx.AsyncClient(base_url=store_process.url, headers=headers, trust_env=False) as client:
        answer = await client.post(f"/?query=SELECT+1{query}")
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (403, "516")


async def test_every_way_to_show_the_secret_works(store_process: StoreProcess) -> None:
    async with httpx.AsyncClient(base_url=store_process.url, trust_env=False) as client:
        assert (await client.post("/?query=SELECT+1", headers=AUTH)).text == "1\n"
        assert (await client.post("/?query=SELECT+1", auth=("default", SECRET))).text == "1\n"
        assert (await client.post(f"/?query=SELECT+1&user=default&password={SECRET}")).text == "1\n"


async def test_an_answer_names_format_query_and_summary(http: httpx.AsyncClient) -> None:
    answer = await http.post("/?query_id=mine", content="SELECT number FROM numbers(3) FORMAT CSV")
    assert answer.text == "0\n1\n2\n"
    assert (answer.headers["x-clickhouse-format"], answer.headers["x-clickhouse-query-id"]) == ("CSV", "mine")
    assert '"read_rows":"3"' in answer.headers["x-clickhouse-summary"]


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1 1", 400, 62),
        ("SELECT * FROM no_such_table", 404, 60),
        ("SELECT nope", 404, 47),
        ("SELECT * FROM no_such_database.t", 404, 81),
        ("SELECT sleep(2) SETTINGS max_execution_time = 0.1", 408, 159),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 FORMAT NoSuch", 400, 73),
    ],
)
async def test_errors_come_as_a_server_gives_them(http: httpx.AsyncClient, sql: str, status: int, code: int) -> None:
    answer = await http.post("/", content=sql)
    assert (answer.status_code, answer.headers["x-clickhouse-exception-code"]) == (status, str(code))
    assert answer.text.startswith(f"Code: {code}. DB::Exception:")


async def test_an_unknown_setting_is_refused(http: httpx.AsyncClient) -> None:
    for name in ("no_such_setting", "a = 1, b"):
        answer = await http.post("/", params={name: "1"}, content="SELECT 1")
        assert answer.headers["x-clickhouse-exception-code"] == "115"


async def test_settings_do_not_leak_into_the_next_request(http: httpx.AsyncClient) -> None:
    sql = "SELECT value FROM system.settings WHERE name = 'max_block_size'"
    plain = (await http.post("/", content=sql)).text
    assert (await http.post("/?max_block_size=77", content=sql)).text == "77\n"
    assert (await http.post("/", content=sql)).text == plain


async def test_get_only_reads(http: httpx.AsyncClient) -> None:
    assert (await http.get("/?query=SELECT+1")).text == "1\n"
    answer = await http.get("/?query=CREATE+DATABASE+by_get")
    assert answer.headers["x-clickhouse-exception-code"] == "164"


async def test_chunked_and_compressed_inserts_arrive(http: httpx.AsyncClient, client: Client) -> None:
    client.command("CREATE DATABASE IF NOT EXISTS shim ENGINE = Atomic")
    client.command("CREATE OR REPLACE TABLE shim.t (a UInt32, b String) ENGINE = MergeTree ORDER BY a")

    async def chunks() -> AsyncIterator[bytes]:
        for i in range(1000):
            yield b'{"a":%d,"b":"x"}\n' % i

    answer = await http.post("/?query=INSERT+INTO+shim.t+FORMAT+JSONEachRow", content=chunks())
    assert '"written_rows":"1000"' in answer.headers["x-clickhouse-summary"]
    for name in ("lz4", "zstd", "gzip", False):
        packed = connect_like(client, name)
        packed.insert("shim.t", [[1, "ü\x00"], [2, "y"]], column_names=["a", "b"])
        assert packed.query("SELECT count() FROM shim.t WHERE b != 'x'").result_rows[0][0] > 0
        packed.close()
    assert client.command("SELECT count() FROM shim.t WHERE b != 'x'") == 8


def connect_like(client: Client, compress: str | bool) -> Client:
    port = int(str(client.url).rsplit(":", 1)[1])  # type: ignore[attr-defined]
    return clickhouse_connect.get_client(host="127.0.0.1", port=port, password=SECRET, compress=compress)


async def test_half_a_body_inserts_nothing(http: httpx.AsyncClient, client: Client) -> None:
    client.command("CREATE DATABASE IF NOT EXISTS shim ENGINE = Atomic")
    client.command("CREATE OR REPLACE TABLE shim.half (a UInt32) ENGINE = MergeTree ORDER BY a")

    async def torn() -> AsyncIterator[bytes]:
        yield b"INSERT INTO shim.half FORMAT CSV\n1\n"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await http.post("/", content=torn())
    assert (await http.post("/", content="INSERT INTO shim.half FORMAT RowBinary\n\x01")).status_code == 400
    assert client.command("SELECT count() FROM shim.half") == 0


FAILING = {
    "a constraint": ("CREATE TABLE shim.f (a UInt8, CONSTRAINT c CHECK a < 5) ENGINE = MergeTree ORDER BY a", 469),
    "too many parts": (
        "CREATE TABLE shim.f (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS parts_to_throw_insert = 1",
        252,
    ),
    "too many partitions": ("CREATE TABLE shim.f (a UInt8) ENGINE = MergeTree ORDER BY a PARTITION BY a", 252),
}


@pytest.mark.parametrize("case", FAILING)
async def test_an_insert_that_fails_late_is_told(http: httpx.AsyncClient, case: str) -> None:
    create, code = FAILING[case]
    await http.post("/", content="CREATE DATABASE IF NOT EXISTS shim ENGINE = Atomic")
    await http.post("/", content="DROP TABLE IF EXISTS shim.f SYNC")
    assert (await http.post("/", content=create)).status_code == 200
    await http.post("/", content=b"INSERT INTO shim.f FORMAT RowBinary\n\x01")
    sql = b"INSERT INTO shim.f SETTINGS max_partitions_per_insert_block = 2 FORMAT RowBinary\n\x07\x08\x09"
    answer = await http.post("/", content=sql)
    assert answer.headers["x-clickhouse-exception-code"] == str(code)


async def test_a_view_that_fails_fails_the_insert(http: httpx.AsyncClient) -> None:
    for sql in (
        "CREATE DATABASE IF NOT EXISTS shim ENGINE = Atomic",
        "CREATE OR REPLACE TABLE shim.v (a UInt8) ENGINE = MergeTree ORDER BY a",
        "CREATE MATERIALIZED VIEW IF NOT EXISTS shim.mv ENGINE = MergeTree ORDER BY a"
        " AS SELECT a FROM shim.v WHERE throwIf(a = 3) = 0",
    ):
        assert (await http.post("/", content=sql)).status_code == 200
    answer = await http.post("/", content=b"INSERT INTO shim.v FORMAT RowBinary\n\x03")
    assert answer.headers["x-clickhouse-exception-code"] == "395"


@pytest.mark.parametrize("value", ["a\tb\n'\\\x00é😀\r\n`{x:String}%", "", "\\N", "x" * 100_000])
def test_parameters_arrive_as_they_are(client: Client, value: str) -> None:
    sql = "SELECT {x:String}, {n:Int64}, {l:Array(String)}, {n:Int64} + 1"
    found = client.query(sql, parameters={"x": value, "n": -5, "l": [value, "b"]}).result_rows[0]
    assert found == (value, -5, [value, "b"], -4)


def test_the_client_learns_columns_of_an_empty_answer(client: Client) -> None:
    assert client.query("SELECT 1 AS a, 'x' AS b LIMIT 0").column_names == ("a", "b")


async def test_slow_queries_do_not_hold_up_inserts(store_process: StoreProcess, http: httpx.AsyncClient) -> None:
    await http.post("/", content="CREATE DATABASE IF NOT EXISTS shim ENGINE = Atomic")
    await http.post("/", content="CREATE OR REPLACE TABLE shim.slow (a UInt32) ENGINE = MergeTree ORDER BY a")
    slow = [asyncio.create_task(http.post("/", content="SELECT sleep(3)", timeout=20)) for _ in range(4)]
    await asyncio.sleep(0.1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await http.post("/", content="INSERT INTO shim.slow FORMAT CSV\n1\n")).status_code == 200
    assert loop.time() - began < 2
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


def test_a_second_process_is_refused_and_told_why(tmp_path: Path) -> None:
    with running(tmp_path) as store:
        assert store.launch().wait(30) != 0
        assert f"DataFolderInUse: the process {store.process.pid} uses the telemetry store" in store.errors.read_text()
        assert store.stop() == 0


def test_a_folder_that_somebody_else_opened_is_refused(tmp_path: Path) -> None:
    code = "import chdb, sys; c = chdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read(); c.close()"
    command = [sys.executable, "-c", code, str(tmp_path / "telemetry")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        store = StoreProcess(tmp_path)
        assert store.launch().wait(30) != 0
        assert "DataFolderInUse: another process uses the telemetry store" in store.errors.read_text()
        other.communicate(timeout=30)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "telemetry").write_text("a file, not a folder")
    store = StoreProcess(tmp_path)
    assert store.launch().wait(30) != 0
    assert DataFolderUnwritable.__name__ in store.errors.read_text()


def test_the_folder_is_only_for_its_owner(store_process: StoreProcess) -> None:
    assert (store_process.folder / "telemetry").stat().st_mode & 0o777 == 0o700


def test_a_running_insert_ends_before_the_process_does(tmp_path: Path) -> None:
    with running(tmp_path) as store:
        client = connect(store)
        client.command("CREATE DATABASE d ENGINE = Atomic")
        client.command("CREATE TABLE d.t (a UInt8) ENGINE = MergeTree ORDER BY a")
        slow = "INSERT INTO d.t SELECT sleepEachRow(0.3) FROM numbers(5) SETTINGS max_block_size = 1"
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"X-ClickHouse-Key: {SECRET}",
                   "--noproxy", "*", store.url, "-d", slow]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as insert:
            while client.command("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%'") < 2:
                assert insert.poll() is None
            client.close()
            assert store.stop() == 0
            assert insert.communicate(timeout=10)[0] == "200"
        assert not (tmp_path / "port").exists()
        store.start()
        again = connect(store)
        assert again.command("SELECT count() FROM d.t") == 5
        again.close()


def test_a_running_query_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with running(tmp_path) as store:
        client = connect(store)
        slow = "SELECT sleepEachRow(1) FROM numbers(25) SETTINGS max_block_size = 1"
        command = ["curl", "-s", "-H", f"X-ClickHouse-Key: {SECRET}", "--noproxy", "*", store.url, "-d", slow]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as query:
            while client.command("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow%'") < 2:
                assert query.poll() is None
            client.close()
            store.process.terminate()
            assert store.process.wait(10) == 0
            assert "Code: 394." in query.communicate(timeout=10)[0]


def test_a_stop_right_after_the_start_is_obeyed(tmp_path: Path) -> None:
    with running(tmp_path) as store:
        assert store.stop() == 0
        for _ in range(4):
            store.start()
            assert store.stop() == 0


def test_a_crash_inside_the_engine_ends_the_process_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as store:
        store.process.send_signal(signal.SIGSEGV)
        assert store.process.wait(5) == -signal.SIGSEGV


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(EmbeddedOptions(path=Path("x"), secret="hush"))


def test_an_error_of_the_client_carries_code_and_name(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM nowhere")
    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")
