"""The one user of clickhouse-connect: queries and inserts on clients and threads of their own, errors translated.

The client library blocks, so every call runs on a thread; reads and inserts have separate pools, so that slow queries
never hold up ingest. Clients are made on first use: the store may come up later than we do, and may come back.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, cast

import clickhouse_connect
import msgspec
from clickhouse_connect.driver import httputil
from clickhouse_connect.driver.exceptions import Error

from pilothouse import instruments
from pilothouse.store.telemetry.columns import cleaned, filled
from pilothouse.store.telemetry.failures import Work, translate
from pilothouse.store.telemetry.options import StoreOptions, parse_address

_log = logging.getLogger(__name__)

T = TypeVar("T")
Parameter = str | int | float | Sequence[str]
Build = Callable[[], Sequence[Sequence[object]]]

LATE_INDEX = "searched_text"
"""Made when parts are merged, not at insert, which it would make take twice as long; new parts are small to scan."""
_MARGIN_S = 10.0
"""How much longer than the server the client waits, so that the server's own answer arrives."""
_READ_SETTINGS: dict[str, str | int] = {
    "do_not_merge_across_partitions_select_final": 1,
    "use_skip_indexes_if_final": 1,
    # Indexed columns of a span never change between its versions, so the index may skip before versions are merged.
    "use_skip_indexes_if_final_exact_mode": 0,
    # An aggregate may be named as the column it is made of.
    "prefer_column_name_to_alias": 1,
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "output_format_json_escape_forward_slashes": 0,
}
_SETTINGS_WHERE_KNOWN: dict[str, str | int] = {
    # A piece of a word may be in hundreds of ids. To look at all of these takes a tenth of a second, and to give up, as
    # the engine does at 50, and read all texts instead a hundred times as long.
    "text_index_like_max_postings_to_read": 10_000,
}
"""For servers that have them."""
_SETTINGS_OF_CLUSTERS: dict[str, str | int] = {
    # A server of several asks all of them what a list in a condition holds; as it comes the engine refuses such lists.
    "distributed_product_mode": "global",
}


class _Client(Protocol):
    """What we use of the library's client, with types."""

    server_settings: Mapping[str, object]

    database: str | None
    http_retries: int

    def raw_query(
        self, query: str, parameters: dict[str, Parameter], settings: dict[str, Any], *, fmt: str, use_database: bool
    ) -> bytes: ...

    def insert(
        self,
        table: str,
        data: Sequence[Sequence[object]],
        column_names: Sequence[str],
        *,
        column_type_names: Sequence[str],
        column_oriented: bool,
        settings: dict[str, Any],
    ) -> object: ...

    def command(
        self, cmd: str, parameters: dict[str, Parameter], *, settings: dict[str, Any], use_database: bool
    ) -> object: ...

    def close(self) -> None: ...


_get_client = cast("Callable[..., _Client]", clickhouse_connect.get_client)  # pyright: ignore[reportUnknownMemberType] - the library leaves its keyword arguments untyped
_get_pool_manager = cast("Callable[..., object]", httputil.get_pool_manager)  # pyright: ignore[reportUnknownMemberType] - as above


class Query(msgspec.Struct, frozen=True):
    """One statement; values only ever through `{name:Type}` parameters."""

    name: str
    """For metrics."""
    sql: str
    parameters: dict[str, Parameter] = {}


class Connection:
    """Queries and inserts against one store; safe to use from many tasks. Methods raise our errors only."""

    def __init__(self, options: StoreOptions) -> None:
        self._options = options
        self._reads = _Lane(options, options.readers, options.query_timeout_s, "telemetry-read")
        self._writes = _Lane(options, options.writers, options.insert_timeout_s, "telemetry-write")

    async def select(self, query: Query, row: type[T], *, use_database: bool = True) -> list[T]:
        """Return the rows of a query, decoded into `row`."""
        decoder = msgspec.json.Decoder(row)
        return await self._read(query, "JSONEachRow", {}, decoder.decode_lines, use_database=use_database)

    async def read(self, query: Query, fmt: str, settings: Mapping[str, str | int]) -> bytes:
        """Return the answer to a query as the store writes it in one of its formats."""
        return await self._read(query, fmt, settings, bytes)

    async def _read(
        self,
        query: Query,
        fmt: str,
        settings: Mapping[str, str | int],
        take: Callable[[bytes], T],
        *,
        use_database: bool = True,
    ) -> T:
        bounds = {
            **_READ_SETTINGS,
            **(_SETTINGS_OF_CLUSTERS if self._options.cluster else {}),
            "max_threads": self._options.max_query_threads,
            "max_memory_usage": self._options.max_query_memory_bytes,
            "max_execution_time": self._options.query_timeout_s,
            **settings,
        }

        def call(client: _Client) -> T:
            more = {name: value for name, value in _SETTINGS_WHERE_KNOWN.items() if name in client.server_settings}
            return take(
                client.raw_query(
                    query.sql, dict(query.parameters), {**more, **bounds}, fmt=fmt, use_database=use_database
                )
            )

        return await self._reads.run(query.name, "read", call)

    async def insert(self, table: str, names: Sequence[str], types: Sequence[str], build: Build, token: str) -> None:
        """Insert the columns that `build` gives, as one block that is stored once per token, however often it is sent.

        `build` runs on the thread of the insert; in text that is no Unicode, lone surrogates are replaced.
        """
        try:
            await self._insert(table, names, types, build, token)
        except UnicodeEncodeError:
            # So rare that another try costs less than looking into every text beforehand.
            await self._insert(table, names, types, lambda: cleaned(build()), token)

    async def _insert(self, table: str, names: Sequence[str], types: Sequence[str], build: Build, token: str) -> None:
        settings = {"async_insert": 0, "insert_deduplicate": 1, "insert_deduplication_token": token,
                    "max_partitions_per_insert_block": 0,
                    "exclude_materialize_skip_indexes_on_insert": LATE_INDEX}  # fmt: skip

        def call(client: _Client) -> None:
            said = filled(names, types, build())
            columns = list(said.values)
            try:
                client.insert(
                    table, columns, said.names, column_type_names=said.types, column_oriented=True, settings=settings
                )
            finally:
                # What the library makes of it refers to itself: whole batches would wait for the collector of cycles.
                columns.clear()

        await self._writes.run("insert", "insert", call)

    async def command(self, sql: str, *, use_database: bool = True) -> None:
        """Run a statement that changes the schema; what the store is to do with its rows goes on behind it."""

        def call(client: _Client) -> None:
            client.command(sql, {}, settings={"mutations_sync": 0}, use_database=use_database)

        await self._writes.run("schema", "schema", call)

    async def change(self, query: Query, settings: Mapping[str, str | int]) -> None:
        """Run a statement that removes or rewrites rows which are there."""

        def call(client: _Client) -> None:
            client.command(query.sql, dict(query.parameters), settings=dict(settings), use_database=True)

        await self._writes.run(query.name, "schema", call)

    async def close(self) -> None:
        """Let running calls end and close the connections."""
        await asyncio.gather(asyncio.to_thread(self._reads.close), asyncio.to_thread(self._writes.close))


class _Lane:
    """One client and its threads."""

    def __init__(self, options: StoreOptions, threads: int, timeout_s: float, name: str) -> None:
        self._options = options
        self._threads = threads
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(threads, name)
        self._lock = threading.Lock()
        self._client: _Client | None = None

    async def run(self, name: str, work: Work, call: Callable[[_Client], T]) -> T:
        began = time.perf_counter()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._call, work, call)
        except Exception as error:
            instruments.STORE_ERRORS.inc(getattr(error, "code", type(error).__name__))
            raise
        finally:
            instruments.STORE_QUERIES.observe(time.perf_counter() - began, name)

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        if self._client is not None:
            self._client.close()

    def _call(self, work: Work, call: Callable[[_Client], T]) -> T:
        try:
            return call(self._ready())
        except Error as error:
            # The store's own text may quote what people search for.
            _log.info(
                "the telemetry store refused a %s, code %s %s", work, error.code, error.name or type(error).__name__
            )
            raise translate(error, work) from error

    def _ready(self) -> _Client:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def _make(self) -> _Client:
        options = self._options
        address = parse_address(options.url)
        client = _get_client(
            interface=address.interface,
            host=address.host,
            port=address.port,
            proxy_path=address.path,
            username=options.username,
            password=options.secret,
            compress=False if address.is_local else "lz4",
            connect_timeout=options.connect_timeout_s,
            send_receive_timeout=self._timeout_s + _MARGIN_S,
            autogenerate_session_id=False,
            query_limit=0,
            client_name="pilothouse",
            # A manager of our own: right-sized, and it never takes a proxy from the environment.
            pool_mgr=_get_pool_manager(maxsize=self._threads, ca_cert=options.ca_file or None),
        )
        client.database = options.database
        # The HTTP library would log each retry with the whole URL, and with it what people search for.
        client.http_retries = 0
        return client
