"""The local model's process."""

from pilothouse.providers import local
from pilothouse.settings import Settings
from pilothouse.wiring import addresses
from pilothouse.wiring.data_folder import Layout
from pilothouse.wiring.process import block_until_signal


def serve(settings: Settings, layout: Layout, drain_s: float) -> None:
    """Serve the bundled model until a signal ends it; blocks. Open calls are cut: `drain_s` is not used."""
    del drain_s
    address = addresses.find(layout, addresses.LOCAL_MODEL) or addresses.settle(layout, addresses.LOCAL_MODEL)
    model = local.start(settings.local_model, address.port, addresses.HOST)
    try:
        block_until_signal()
    finally:
        model.close()
