"""What a gateway needs to serve calls: keys, accounts and aliases as one immutable value."""

import msgspec

from pilothouse.domain.access import Project, VirtualKey
from pilothouse.domain.redaction.policy import ProjectPolicy
from pilothouse.errors import DataFolderNewer, SnapshotMissing

FORMAT = 1
"""Version of the file form; a gateway refuses a file of a higher one and keeps its last good copy."""


class Account(msgspec.Struct, frozen=True):
    """An account at one provider: where calls go and with which secret."""

    id: str
    name: str
    """Unique and usable in paths; the first half of `account/model`."""
    provider: str
    """The row of the provider table, such as `openai` or `vllm`."""
    base_url: str = ""
    """Overrides the row's own base URL; no trailing slash."""
    sealed_secret: str = ""
    """The provider key, encrypted (`domain.secret`); empty when none is needed."""
    models: tuple[str, ...] = ()
    """Model names to list; when `open_models` is false also the only ones that may be called."""
    open_models: bool = True
    enabled: bool = True
    managed: bool = False
    """Made and kept up by the installation itself (the local model, keys from the environment)."""
    created_at_ns: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    """Sent with every request, such as `OpenAI-Organization`; no place for a secret."""


class Target(msgspec.Struct, frozen=True):
    """One place an alias may lead to."""

    account: str
    model: str
    weight: int = 1


class Alias(msgspec.Struct, frozen=True):
    """A model name of the operator's own that leads to one or more targets."""

    id: str
    name: str
    targets: tuple[Target, ...]
    managed: bool = False
    created_at_ns: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    """One consistent state of the registry, as the gateway uses it."""

    version: int
    """Grows by one with every change."""
    made_at_ns: int
    projects: tuple[Project, ...] = ()
    keys: tuple[VirtualKey, ...] = ()
    """Only keys that are neither revoked nor expired when the snapshot is made, plus recently ended ones, so that
    their refusal can say why."""
    accounts: tuple[Account, ...] = ()
    aliases: tuple[Alias, ...] = ()
    redaction: tuple[ProjectPolicy, ...] = ()
    """Of the projects that have a policy."""


class _File(msgspec.Struct, frozen=True, array_like=True):
    format: int
    snapshot: msgspec.Raw


_file_decoder = msgspec.msgpack.Decoder(_File)
_snapshot_decoder = msgspec.msgpack.Decoder(Snapshot)
_encoder = msgspec.msgpack.Encoder()


def encode(snapshot: Snapshot) -> bytes:
    """Return the snapshot as the bytes of its file."""
    return _encoder.encode([FORMAT, snapshot])


def decode(data: bytes) -> Snapshot:
    """Return the snapshot in the bytes of its file; raises `DataFolderNewer` or, for junk, `SnapshotMissing`."""
    try:
        file = _file_decoder.decode(data)
        if file.format > FORMAT:
            raise DataFolderNewer(f"the snapshot has format {file.format}, this version reads up to {FORMAT}")
        return _snapshot_decoder.decode(file.snapshot)
    except msgspec.MsgspecError as error:
        raise SnapshotMissing(f"the snapshot file is damaged: {error}") from error
