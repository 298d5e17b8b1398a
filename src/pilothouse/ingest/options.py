"""How spools are drained, in a module of its own so that settings load nothing else."""

import msgspec


class IngestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the spools are drained."""

    apart: bool = True
    """Whether `pilothouse up` runs ingest in a process of its own, beside the API instead of in its way."""
    read_apart: bool = True
    """Whether ingest has large loads of OpenTelemetry read by one more process, started by the first of them, where the
    machine has more than one core."""
    batch_records: int = 2_000
    """Records in one insert at most."""
    batch_bytes: int = 32 * 1024**2
    """Bytes of records in one insert at most; a single larger record still goes."""
    linger_s: float = 0.15
    """How long records wait for company: few large inserts keep the store's parts few."""
    poll_s: float = 0.05
    """Time between looks at an idle spool."""
    discover_s: float = 1.0
    """Time between looks for new writers."""
    prices: str = ""
    """File with the operator's own prices, which come before the list prices; empty means none."""
    slice_records: int = 32
    """Records that are decoded in one go; between two slices the event loop has the interpreter to itself."""
    abandon_after_s: float = 3600.0
    """How long nothing may be heard of a span without an end before it is closed as abandoned."""
    recent_spans: int = 150_000
    """Spans of recent traces whose shape is kept in memory, about 400 bytes each."""
    recent_traces: int = 300_000
    """Traces that are remembered at least, so that a late span of one is told from a new trace; about 70 bytes each."""
    recent_s: float = 7200.0
    """How far back the traces are that are remembered after a restart."""
    open_spans: int = 100_000
    """Spans without an end that are kept in memory; beyond, the store is asked for them."""
