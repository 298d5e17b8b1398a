"""How telemetry is written out and removed, in a module of its own so that settings load nothing else."""

import msgspec


class LifecycleOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Exports, retention and deletion."""

    export_folders: tuple[str, ...] = ()
    """Folders below which exports may write, besides `exports` in the data folder; empty means none."""
    poll_s: float = 2.0
    """Time between looks for work."""
    sweep_s: float = 3600.0
    """Time between two sweeps of what is older than its project keeps."""
    grace_s: float = 600.0
    """How long after a change of a project's retention the first sweep waits, so that a slip can be taken back."""
    settle_s: float = 10.0
    """How long after removing rows they are counted again: what was under way in ingest has arrived by then."""
