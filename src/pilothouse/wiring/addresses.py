"""Where the inner processes listen on loopback and with which secret, kept in the data folder's run folder.

Whoever comes first writes the file; port and secret stay the same while they can, so that a process that comes back is
found where it was.
"""

import secrets

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.wiring import ports
from pilothouse.wiring.data_folder import Layout, write_private

HOST = "127.0.0.1"
STORE = "store"
LOCAL_MODEL = "local-model"
INGEST = "ingest"


class Address(msgspec.Struct, frozen=True):
    """One inner process."""

    port: int
    secret: str

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self.port}"

    def __repr__(self) -> str:
        return f"Address(port={self.port})"


def find(layout: Layout, role: str) -> Address | None:
    """Return the address that was written last, None when there is none."""
    path = layout.address(role)
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Address)
    except msgspec.DecodeError as error:
        raise SettingsInvalid(f"{path} is damaged; remove it while Pilothouse is stopped") from error


def settle(layout: Layout, role: str) -> Address:
    """Return an address whose port is free now, the last one if possible, and write it down."""
    last = find(layout, role)
    address = Address(
        port=ports.pick(HOST, last.port if last else 0), secret=last.secret if last else secrets.token_urlsafe(32)
    )
    write_private(layout.address(role), msgspec.json.encode(address))
    return address


def forget(layout: Layout, role: str) -> None:
    """Remove the address: the process is not to be used."""
    layout.address(role).unlink(missing_ok=True)
