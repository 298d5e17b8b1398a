"""Where the metadata database of an installation is."""

import msgspec

from pilothouse.settings import Settings
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.wiring.data_folder import Layout


def metadata_options(settings: Settings, layout: Layout) -> MetadataOptions:
    """Return the operator's options; without a URL a file in the data folder."""
    if settings.metadata.url:
        return settings.metadata
    return msgspec.structs.replace(settings.metadata, url=f"sqlite:///{layout.metadata}")
