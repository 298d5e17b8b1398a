"""Reading an HTTP request of ClickHouse's protocol into one statement: pure, no engine, no I/O."""

import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast
from urllib.parse import parse_qsl

import lz4.frame
import msgspec
from backports import zstd

Kind = Literal["read", "write", "control"]

_READS = frozenset({b"SELECT", b"WITH", b"SHOW", b"DESCRIBE", b"DESC", b"EXISTS", b"EXPLAIN"})
_COMMENTS = re.compile(rb"\s*(?:--[^\n]*(?:\n|\Z)|/\*.*?\*/|\s+|\()", re.DOTALL)
_WORD = re.compile(rb"[A-Za-z]+")
_TOKEN = re.compile(
    rb"`(?:[^`\\]|\\.)*`|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|--[^\n]*|/\*.*?\*/|\w+|\s+|.", re.DOTALL
)
_FORMAT_NAME = re.compile(rb"\s+(\w+)[ \t\f]*(?:\r?\n|;|\Z)?")
_TRAILING_FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
_HEAD_LIMIT = 64 * 1024

_PROTOCOL_PARAMETERS = frozenset({
    "query", "database", "default_format", "user", "password", "query_id", "quota_key", "session_id", "session_timeout",
    "session_check", "compress", "decompress", "buffer_size", "wait_end_of_query", "client_protocol_version", "role",
    "send_progress_in_http_headers", "http_headers_progress_interval_ms", "enable_http_compression",
    "cancel_http_readonly_queries_on_client_close", "stacktrace",
})  # fmt: skip


class BadRequest(Exception):
    """The request is not of the protocol; `code` is ClickHouse's exception code for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Insert(msgspec.Struct, frozen=True):
    """An insert that carries its data: `head` up to the settings or format clause, the settings clause, the rows."""

    head: bytes
    settings: bytes
    format: str
    data: bytes | memoryview
    """A view of the body where it is a part of that."""


class Statement(msgspec.Struct, frozen=True):
    """One statement and all that goes with it."""

    kind: Kind
    sql: bytes
    format: str
    """Of the answer."""
    insert: Insert | None = None
    """Set instead of `sql` when rows come along."""
    database: str = ""
    parameters: dict[str, str] = {}
    settings: dict[str, str] = {}

    @property
    def answers_rows(self) -> bool:
        """Whether the answer carries rows and so names its format."""
        return self.kind == "read"


def read_statement(query_string: bytes, headers: Mapping[str, str], body: bytes, *, read_only: bool) -> Statement:
    """Return the statement of a request whose body is no longer compressed; raises `BadRequest`."""
    fields = dict(parse_qsl(query_string.decode(), keep_blank_values=True, encoding="utf-8", errors="surrogateescape"))
    content_type = headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        fields.update(_multipart(content_type, body))
        body = b""
    query = fields.get("query", "").encode("utf-8", "surrogateescape")
    settings = {name: value for name, value in fields.items() if _is_setting(name)}
    if read_only:
        settings["readonly"] = "2"
    parameters = {name[6:]: value for name, value in fields.items() if name.startswith("param_")}
    database = headers.get("x-clickhouse-database", "") or fields.get("database", "")
    kind = _kind(query or body[:_HEAD_LIMIT])
    if kind == "write":
        insert = _insert(query, body)
        if insert is not None:
            return Statement(kind, b"", "TabSeparated", insert, database, parameters, settings)
    sql = b"\n".join(part for part in (query, body) if part)
    if not sql.strip():
        raise BadRequest(62, "Syntax error: the query is empty")
    named = _TRAILING_FORMAT.search(sql)
    default = headers.get("x-clickhouse-format", "") or fields.get("default_format", "") or "TabSeparated"
    answer_format = named.group(1).decode() if named else default
    return Statement(kind, sql, answer_format, None, database, parameters, settings)


def decompress(body: bytes, encoding: str) -> bytes:
    """Return the body without its `Content-Encoding`; raises `BadRequest`."""
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "": bytes,
        "identity": bytes,
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "lz4": cast("Callable[[bytes], bytes]", lz4.frame.decompress),
        "zstd": zstd.decompress,
    }
    decoder = decoders.get(encoding.lower())
    if decoder is None:
        raise BadRequest(48, f"Content-Encoding {encoding} is not supported")
    try:
        return decoder(body)
    except (OSError, EOFError, RuntimeError, zlib.error, zstd.ZstdError) as error:
        raise BadRequest(354, f"The body is not valid {encoding}: {error}") from error


def _is_setting(name: str) -> bool:
    return name not in _PROTOCOL_PARAMETERS and not name.startswith("param_")


def _kind(sql: bytes) -> Kind:
    at = 0
    while found := _COMMENTS.match(sql, at):
        if found.end() == at:
            break
        at = found.end()
    word = _WORD.match(sql, at)
    name = word.group(0).upper() if word else b""
    if name in _READS:
        return "read"
    return "control" if name == b"KILL" else "write"


def _insert(query: bytes, body: bytes) -> Insert | None:
    """Return the insert that carries data in a named format, None when the statement is text to its end."""
    source = query or body
    depth, settings_at = 0, -1
    for token in _TOKEN.finditer(source, 0, min(len(source), _HEAD_LIMIT)):
        word = token.group().upper()
        depth += (word == b"(") - (word == b")")
        if depth or word in {b"VALUES", b"SELECT", b"WITH"}:
            if depth == 0:
                return None
        elif word == b"SETTINGS" and settings_at < 0:
            settings_at = token.start()
        elif word == b"FORMAT":
            return _data(query, body, token, settings_at)
    return None


def _data(query: bytes, body: bytes, keyword: re.Match[bytes], settings_at: int) -> Insert | None:
    source = query or body
    name = _FORMAT_NAME.match(source, keyword.end())
    if name is None:
        return None
    head_end = settings_at if settings_at >= 0 else keyword.start()
    rest = memoryview(source)[name.end() :]
    return Insert(
        head=source[:head_end],
        settings=source[head_end : keyword.start()],
        data=bytes(rest) + body if query else rest,
        format=name.group(1).decode(),
    )


def _multipart(content_type: str, body: bytes) -> Iterable[tuple[str, str]]:
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        raise BadRequest(36, "The form has no boundary")
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.group(1).encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'\bname="([^"]*)"', head)
        if name is not None:
            yield name.group(1).decode(), value.decode("utf-8", "surrogateescape")
