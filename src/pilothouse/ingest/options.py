"""How spools are drained, in a module of its own so that settings load nothing else."""

import msgspec


class IngestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the spools are drained."""

    batch_records: int = 2_000
    """Records in one insert at most."""
    batch_bytes: int = 8 * 1024**2
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
