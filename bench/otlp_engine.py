"""The engine alone: rows a second when ready-made blocks of 10,000 spans are handed to it in its own process.

`python -m bench.otlp_engine SPANS` prints one number. The rows are those that ingest makes of the other benches'
requests, in the product's own tables and with its own settings; making them is not measured.
"""

import sys
import tempfile
import time
from pathlib import Path

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.insert import InsertContext
from clickhouse_connect.driver.transform import NativeTransform

from bench.otlp_requests import SPANS, request
from pilothouse.catalog.charges import Charges
from pilothouse.catalog.prices import Catalog
from pilothouse.ingest.rows import row_of_patch
from pilothouse.otlp import decode
from pilothouse.otlp.decode import Encoding, Received
from pilothouse.otlp.mapping import mapped
from pilothouse.store.embedded.engine import Engine
from pilothouse.store.embedded.options import EmbeddedOptions
from pilothouse.store.embedded.statements import Statement, read_statement
from pilothouse.store.telemetry import batches, schema
from pilothouse.store.telemetry.connection import LATE_INDEX

_BATCH = 10_000
_LAYOUT = schema.Layout()


def block(numbers: range) -> bytes:
    """Return an insert's bytes out of the requests of these numbers."""
    charges, now_ns = Charges(Catalog()), time.time_ns()
    rows = [
        row_of_patch(patch, charges, now_ns)
        for number in numbers
        for patch in mapped(decode.spans(Received(request(number), Encoding.PROTOBUF, now_ns))).items
    ]
    types = [get_from_name(name) for name in batches.TYPES]
    values = batches.columns(rows, now_ns // 1000)
    context = InsertContext("spans", batches.NAMES, types, values, column_oriented=True)
    return b"".join(NativeTransform.build_insert(context))


def measure(engine: Engine, spans: int) -> float:
    """Return the rows a second."""
    ddl = [schema.render_database(_LAYOUT)]
    ddl += [sql for migration in schema.MIGRATIONS for sql in schema.render(migration, _LAYOUT)]
    for sql in ddl:
        engine.run(Statement("write", sql.encode(), "TabSeparated"))
    step = _BATCH // SPANS
    blocks = [block(range(at, at + step)) for at in range(0, spans // SPANS, step)]
    settings = f"database={_LAYOUT.database}&exclude_materialize_skip_indexes_on_insert={LATE_INDEX}".encode()
    began = time.monotonic()
    for one in blocks:
        engine.run(read_statement(settings, {}, one, read_only=False))
    return len(blocks) * _BATCH / (time.monotonic() - began)


def main() -> None:
    """Print the rate."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(EmbeddedOptions(path=Path(folder) / "telemetry", secret=""))
        engine.open()
        try:
            sys.stdout.write(f"{measure(engine, int(sys.argv[1])):.0f}\n")
        finally:
            engine.close()


if __name__ == "__main__":
    main()
