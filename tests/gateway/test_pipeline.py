"""The order of the stages is a promise."""

from pathlib import Path

from pilothouse.domain.clock import SystemClock
from pilothouse.domain.secret import SecretBox
from pilothouse.gateway.options import GatewayOptions
from pilothouse.gateway.pipeline import Parts, stages
from pilothouse.gateway.snapshots import Snapshots
from pilothouse.spool import SpoolWriter
from pilothouse.transport.options import TransportOptions
from pilothouse.transport.pool import PooledTransport


def test_stages_stand_in_their_order(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path / "none", 1, SecretBox(bytes(32)))
    spool = SpoolWriter(tmp_path / "spool")
    parts = Parts(GatewayOptions(), SystemClock(), spool, PooledTransport(TransportOptions()), snapshots.index)
    names = [type(stage).__name__ for stage in stages(parts)]
    assert names == ["Record", "Admit", "Remember", "Inline", "Route", "Provide"]
