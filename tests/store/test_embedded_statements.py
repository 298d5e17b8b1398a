"""Requests of ClickHouse's HTTP protocol, read into statements."""

import gzip
import zlib

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.store.embedded.statements import BadRequest, Insert, Statement, decompress, read_statement


def read(body: bytes = b"", query_string: bytes = b"", *, read_only: bool = False, **headers: str) -> Statement:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_statement(query_string, named, body, read_only=read_only)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        (b"SELECT 1", "read"),
        (b"  -- note\n/* more */ (select 1)", "read"),
        (b"WITH x AS (SELECT 1) SELECT * FROM x", "read"),
        (b"DESCRIBE TABLE t", "read"),
        (b"SHOW TABLES", "read"),
        (b"INSERT INTO t SELECT 1", "write"),
        (b"CREATE TABLE t (a Int8) ENGINE = Memory", "write"),
        (b"ALTER TABLE t DROP COLUMN a", "write"),
        (b"KILL QUERY WHERE 1", "control"),
        (b"nonsense", "write"),
    ],
)
def test_statements_go_to_the_pool_of_their_kind(sql: bytes, kind: str) -> None:
    assert read(sql).kind == kind


INSERTS: list[tuple[bytes, Insert]] = [
    (b"INSERT INTO t (a) FORMAT Native\n\x01\x02", Insert(b"INSERT INTO t (a) ", b"", "Native", b"\x01\x02")),
    (b"insert into `d`.`FORMAT x` format\tCSV \r\nIN", Insert(b"insert into `d`.`FORMAT x` ", b"", "CSV", b"IN")),
    (b"INSERT INTO FORMATS (format) FORMAT CSV\n1\n", Insert(b"INSERT INTO FORMATS (format) ", b"", "CSV", b"1\n")),
    (b"INSERT INTO t SETTINGS s='FORMAT \\' b' FORMAT TSV x",
     Insert(b"INSERT INTO t ", b"SETTINGS s='FORMAT \\' b' ", "TSV", b"x")),
    (b"INSERT INTO t (`it\"s`) FORMAT Native\n\n\n", Insert(b"INSERT INTO t (`it\"s`) ", b"", "Native", b"\n\n")),
    (b"/* FORMAT a */ INSERT INTO t -- FORMAT b\nFORMAT C",
     Insert(b"/* FORMAT a */ INSERT INTO t -- FORMAT b\n", b"", "C", b"")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "insert"), INSERTS)
def test_the_data_of_an_insert_is_told_from_its_head(body: bytes, insert: Insert) -> None:
    assert read(body).insert == insert


@given(st.binary())
def test_data_of_any_bytes_stays_as_it_is(data: bytes) -> None:
    for found in (read(b"INSERT INTO t FORMAT Native\n" + data), read(data, b"query=INSERT+INTO+t+FORMAT+Native")):
        assert found.insert is not None
        assert found.insert.data == data


@pytest.mark.parametrize(
    "sql", [b"INSERT INTO t VALUES (1, 'FORMAT')", b"INSERT INTO t SELECT 'x' AS FORMAT", b"INSERT INTO t FORMAT"]
)
def test_an_insert_without_format_is_one_text(sql: bytes) -> None:
    found = read(sql)
    assert (found.sql, found.insert) == (sql, None)


def test_the_format_of_an_answer_is_named_or_given_or_tabs() -> None:
    assert read(b"SELECT 1 FORMAT JSON;").format == "JSON"
    assert read(b"SELECT 1", b"default_format=CSV").format == "CSV"
    assert read(b"SELECT 1", x_clickhouse_format="Native").format == "Native"
    assert read(b"SELECT 1").format == "TabSeparated"


def test_parameters_settings_and_database_are_told_apart() -> None:
    found = read(b"SELECT 1", b"param_a=1&max_threads=2&database=d&query_id=q&session_id=s&param_b=")
    assert (found.parameters, found.settings, found.database) == ({"a": "1", "b": ""}, {"max_threads": "2"}, "d")
    assert read(b"SELECT 1", b"database=d", x_clickhouse_database="e").database == "e"
    assert read(b"SELECT 1", read_only=True).settings == {"readonly": "2"}


def test_a_form_carries_query_and_parameters() -> None:
    body = (
        b'--bb\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT {a:String}\r\n'
        b'--bb\r\nContent-Disposition: form-data; name="param_a"\r\n\r\nx\r\r\ny--\r\n--bb--\r\n'
    )
    found = read(body, content_type="multipart/form-data; boundary=bb")
    assert (found.sql, found.parameters) == (b"SELECT {a:String}", {"a": "x\r\r\ny--"})


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_nothing_is_no_statement(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read(body)


def test_a_form_without_boundary_is_refused() -> None:
    with pytest.raises(BadRequest):
        read(b"x", content_type="multipart/form-data")


@given(st.binary())
def test_bodies_are_decompressed(data: bytes) -> None:
    packed = {
        "gzip": gzip.compress(data),
        "deflate": zlib.compress(data),
        "lz4": lz4.frame.compress(data),
        "zstd": zstd.compress(data),
    }
    for encoding, body in {**packed, "": data, "identity": data}.items():
        assert decompress(body, encoding) == data


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd", "br"])
def test_a_body_that_is_not_what_it_claims_is_refused(encoding: str) -> None:
    with pytest.raises(BadRequest):
        decompress(b"certainly not compressed", encoding)
