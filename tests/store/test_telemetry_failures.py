"""The client's exceptions as our errors, and the URLs of stores."""

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, Error, OperationalError, ProgrammingError

from pilothouse.errors import DiskFull, PlatformError, QueryRefused, SettingsInvalid, StoreUnavailable
from pilothouse.store.telemetry.failures import Work, translate
from pilothouse.store.telemetry.options import Address, StoreOptions, parse_address

CASES: list[tuple[Error, Work, type[PlatformError]]] = [
    (OperationalError("refused"), "read", StoreUnavailable),
    (DatabaseError("502 of a proxy"), "read", StoreUnavailable),
    (ProgrammingError("client side"), "read", QueryRefused),
    (DataError("client side"), "insert", QueryRefused),
    (DatabaseError("", code=62, name="SYNTAX_ERROR"), "read", QueryRefused),
    (DatabaseError("", code=159), "read", QueryRefused),
    (DatabaseError("", code=241), "read", QueryRefused),
    (DatabaseError("", code=241), "insert", StoreUnavailable),
    (DatabaseError("", code=252), "insert", StoreUnavailable),
    (DatabaseError("", code=243), "insert", DiskFull),
    (DatabaseError("", code=516), "read", StoreUnavailable),
    (DatabaseError("", code=60), "insert", StoreUnavailable),
    (DatabaseError("", code=202), "read", StoreUnavailable),
    (DatabaseError("", code=49), "insert", StoreUnavailable),
    (DatabaseError("", code=49), "read", QueryRefused),
    (DatabaseError("", code=53), "insert", QueryRefused),
]


@pytest.mark.parametrize(("error", "work", "expected"), CASES)
def test_errors_are_told_apart_by_type_and_code(error: Error, work: Work, expected: type[PlatformError]) -> None:
    assert type(translate(error, work)) is expected


def test_what_people_search_for_stays_out_of_the_detail() -> None:
    found = translate(DatabaseError("Syntax error near 'my secret search'", code=62, name="SYNTAX_ERROR"), "read")
    assert "secret" not in found.detail


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:4001", Address("http", "127.0.0.1", 4001)),
        ("https://ch.example.com", Address("https", "ch.example.com", 8443)),
        ("clickhouse://ch.example.com/path/", Address("http", "ch.example.com", 8123, "path")),
        ("clickhouses://[::1]:9", Address("https", "::1", 9)),
    ],
)
def test_a_url_has_its_parts(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url", ["", "ch.example.com", "ftp://x", "http://", "http://x:y", "http://x:99999", "http://[x"]
)
def test_a_wrong_url_is_told(url: str) -> None:
    with pytest.raises(SettingsInvalid):
        parse_address(url)


def test_the_secret_is_not_shown() -> None:
    assert "hush" not in repr(StoreOptions(url="http://x", secret="hush"))
