"""Who may do what: projects, virtual keys, people and their permissions."""

import hashlib
import hmac
import secrets
import zlib
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_CHARS = 40
_CHECK_CHARS = 6
_SHOWN_CHARS = 8


class KeyKind(StrEnum):
    """What a secret is for, told by its prefix."""

    VIRTUAL_KEY = "ph_"
    SESSION = "phs_"
    SIGN_IN_LINK = "phl_"
    LOCAL = "pho_"
    SHARE_LINK = "phv_"


class Permission(StrEnum):
    """What a virtual key may be used for."""

    INFERENCE = "inference"
    INGEST = "ingest"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person may do, by project."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission),
    Role.EDITOR: frozenset({Permission.INFERENCE, Permission.INGEST, Permission.READ, Permission.WRITE}),
    Role.REVIEWER: frozenset({Permission.READ, Permission.WRITE}),
    Role.VIEWER: frozenset({Permission.READ}),
}
"""The one table of who may do what."""


class Project(msgspec.Struct, frozen=True):
    """A separate space of traces, keys and prompts."""

    id: str
    name: str
    created_at_ns: int


class VirtualKey(msgspec.Struct, frozen=True):
    """A key of ours that an application sends; only its digest is kept."""

    id: str
    project_id: str
    name: str
    digest: str
    """Hex SHA-256 of the whole secret. The secret has 238 random bits, so a fast hash is safe."""
    hint: str
    """The first characters of the secret, enough to recognise it and useless without the rest."""
    permissions: tuple[Permission, ...]
    models: tuple[str, ...]
    """Patterns of the model names it may call, `*` for any part; empty means every model."""
    created_at_ns: int
    expires_at_ns: int | None = None
    revoked_at_ns: int | None = None


def mint(kind: KeyKind) -> str:
    """Return a new secret: the kind's prefix, 40 random base-62 characters and a 6 character checksum."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    return kind + body + _checksum(kind + body)


def well_formed(secret: str, kind: KeyKind) -> bool:
    """Return whether prefix, length and checksum fit; tells a typo from an unknown key without any look-up."""
    if not secret.startswith(kind) or len(secret) != len(kind) + _RANDOM_CHARS + _CHECK_CHARS or not secret.isascii():
        return False
    body, check = secret[:-_CHECK_CHARS], secret[-_CHECK_CHARS:]
    return hmac.compare_digest(_checksum(body), check)


def digest(secret: str | bytes) -> str:
    """Return the hex SHA-256 under which a secret is kept and looked up."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).hexdigest()


def hint(secret: str) -> str:
    """Return the part of a secret that may be shown."""
    return secret[:_SHOWN_CHARS] + "…"


def model_allowed(patterns: tuple[str, ...], model: str) -> bool:
    """Return whether one of the key's patterns covers the model name; no pattern covers all."""
    return not patterns or any(fnmatchcase(model, pattern) for pattern in patterns)


def _checksum(text: str) -> str:
    value = zlib.crc32(text.encode())
    out = ""
    for _ in range(_CHECK_CHARS):
        value, index = divmod(value, len(_ALPHABET))
        out += _ALPHABET[index]
    return out
