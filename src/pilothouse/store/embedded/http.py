"""ClickHouse's HTTP protocol as an ASGI application over the engine.

Answers what a ClickHouse server answers: `Ok.` on `/` and `/ping`, statements by GET or POST, the exception code in
`X-ClickHouse-Exception-Code` and the text in the body. Results are whole, so a late error is still a proper status.
"""

import asyncio
import base64
import binascii
import hmac
import io
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec

from pilothouse.store.embedded.engine import NOT_ENOUGH_SPACE, Engine, EngineError, Outcome
from pilothouse.store.embedded.options import EmbeddedOptions
from pilothouse.store.embedded.statements import BadRequest, Kind, Statement, decompress, read_statement

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_log = logging.getLogger(__name__)

AUTHENTICATION_FAILED = 516
TOO_MANY_QUERIES = 202
ABORTED = 236
_TOO_LARGE = 62
_STATUS: dict[int, HTTPStatus] = {
    **dict.fromkeys((516, 192, 193, 194), HTTPStatus.FORBIDDEN),
    **dict.fromkeys(
        (6, 26, 27, 33, 36, 38, 41, 53, 62, 70, 72, 73, 117, 130, 354, 386, 456, 457), HTTPStatus.BAD_REQUEST
    ),
    **dict.fromkeys((46, 47, 50, 56, 60, 81, 115, 16), HTTPStatus.NOT_FOUND),
    48: HTTPStatus.NOT_IMPLEMENTED,
    159: HTTPStatus.REQUEST_TIMEOUT,
    202: HTTPStatus.SERVICE_UNAVAILABLE,
    ABORTED: HTTPStatus.SERVICE_UNAVAILABLE,
    NOT_ENOUGH_SPACE: HTTPStatus.INSUFFICIENT_STORAGE,
}  # fmt: skip


class Reply(msgspec.Struct, frozen=True):
    """One HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class Front:
    """The ASGI application; `close` waits for the running statements."""

    def __init__(self, engine: Engine, options: EmbeddedOptions) -> None:
        self._engine = engine
        self._options = options
        self._waiting = 0
        self._stopping = False
        self._pools: dict[Kind, ThreadPoolExecutor] = {
            "read": ThreadPoolExecutor(options.reader_threads, "store-read"),
            "write": ThreadPoolExecutor(options.writer_threads, "store-write"),
            "control": ThreadPoolExecutor(1, "store-control"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            reply = await self._answer(scope, headers, receive)
        except BadRequest as error:
            reply = _failure(error.code, f"Code: {error.code}. DB::Exception: {error.text}")
        except EngineError as error:
            reply = _failure(error.code, error.text)
        except Exception:  # noqa: BLE001 - border: a request that fails inside must not end the store
            _log.exception("a request failed inside the store process")
            reply = _failure(1002, "Code: 1002. DB::Exception: The store process failed on this request.")
        wire = {**reply.headers, "content-length": str(len(reply.body))}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in wire.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})

    def stop_reading(self) -> None:
        """End running queries and refuse later ones; does not block."""
        self._stopping = True
        self._pools["control"].submit(self._engine.kill_reads)

    def close(self) -> None:
        """Wait for running statements; later ones are refused."""
        for pool in self._pools.values():
            pool.shutdown(wait=True)

    async def _answer(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Reply:
        method, path, query_string = scope["method"], scope["path"], scope["query_string"]
        if method in {"GET", "HEAD"} and (path in {"/ping", "/replicas_status"} or (path == "/" and not query_string)):
            return Reply(200, b"Ok.\n", {"content-type": "text/html; charset=UTF-8"})
        if path not in {"/", "/query"} or method not in {"GET", "POST"}:
            return Reply(404, f"There is no handle {path}\n".encode())
        self._authenticate(headers, query_string)
        body = await self._body(receive)
        statement = await asyncio.to_thread(_read, query_string, headers, body, read_only=method == "GET")
        query_id = _query_id(query_string)
        return _success(statement, await self._run(statement), query_id)

    async def _run(self, statement: Statement) -> Outcome:
        if self._stopping and statement.kind == "read":
            raise EngineError(ABORTED, f"Code: {ABORTED}. DB::Exception: The store is stopping. (ABORTED)")
        if self._waiting >= self._options.max_waiting:
            raise EngineError(TOO_MANY_QUERIES, f"Code: {TOO_MANY_QUERIES}. DB::Exception: Too many queries wait.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pools[statement.kind], self._engine.run, statement
            )
        finally:
            self._waiting -= 1

    async def _body(self, receive: Receive) -> bytes:
        # Grows in place: each further copy of a large insert takes as long as parsing it.
        body = io.BytesIO()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise BadRequest(210, "The client went away")
            chunk = message.get("body", b"")
            body.write(chunk)
            if body.tell() > self._options.max_body_bytes:
                raise BadRequest(_TOO_LARGE, "The body is too large")
            more = message.get("more_body", False)
        return body.getvalue()

    def _authenticate(self, headers: dict[str, str], query_string: bytes) -> None:
        user, key = _credentials(headers, query_string)
        same_user = hmac.compare_digest(user.encode(), self._options.username.encode())
        same_key = hmac.compare_digest(key.encode(), self._options.secret.encode())
        if not (same_user and same_key):
            text = "Authentication failed: password is incorrect, or there is no user with such name."
            raise BadRequest(AUTHENTICATION_FAILED, f"{text} (AUTHENTICATION_FAILED)")


def _read(query_string: bytes, headers: dict[str, str], body: bytes, *, read_only: bool) -> Statement:
    plain = decompress(body, headers.get("content-encoding", ""))
    return read_statement(query_string, headers, plain, read_only=read_only)


def _credentials(headers: dict[str, str], query_string: bytes) -> tuple[str, str]:
    if "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers["x-clickhouse-key"]
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, key = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return user, key
    fields = parse_qs(query_string.decode("latin-1"))
    return fields.get("user", ["default"])[0], fields.get("password", [""])[0]


def _query_id(query_string: bytes) -> str:
    given = parse_qs(query_string.decode("latin-1")).get("query_id", [""])[0]
    return given if given.isascii() and given.isprintable() and given else str(uuid4())


def _success(statement: Statement, outcome: Outcome, query_id: str) -> Reply:
    summary = {
        "read_rows": str(outcome.read_rows),
        "read_bytes": str(outcome.read_bytes),
        "written_rows": str(outcome.written_rows),
        "written_bytes": str(outcome.written_bytes),
        "elapsed_ns": str(int(outcome.elapsed_s * 1e9)),
    }
    headers = {
        "content-type": "text/plain; charset=UTF-8",
        "x-clickhouse-query-id": query_id,
        "x-clickhouse-summary": json.dumps(summary, separators=(",", ":")),
        "x-clickhouse-server-display-name": "pilothouse",
    }
    if statement.answers_rows:
        headers["x-clickhouse-format"] = statement.format
    return Reply(200, outcome.body, headers)


def _failure(code: int, text: str) -> Reply:
    status = _STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {"content-type": "text/plain; charset=UTF-8", "x-clickhouse-exception-code": str(code)}
    return Reply(status.value, text.encode("utf-8", "surrogateescape") + b"\n", headers)
