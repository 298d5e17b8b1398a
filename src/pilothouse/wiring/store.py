"""The store process: the embedded telemetry engine on loopback, in a process of its own."""

import msgspec

from pilothouse.settings import Settings
from pilothouse.store.embedded.server import run
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout


def serve(settings: Settings, layout: Layout, drain_s: float) -> None:
    """Serve the embedded store until a signal ends it; blocks."""
    address = addresses.find(layout, addresses.STORE) or addresses.settle(layout, addresses.STORE)
    run(
        msgspec.structs.replace(
            settings.embedded,
            path=layout.telemetry,
            secret=address.secret,
            host=addresses.HOST,
            port=address.port,
            stop_grace_s=min(drain_s, settings.embedded.stop_grace_s),
        )
    )
