"""The certificate of OTLP/gRPC: read from files, and again for the next connection once they have changed."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from pilothouse.errors import SettingsInvalid
from pilothouse.server.otlp.options import OtlpOptions

_log = logging.getLogger(__name__)
_CERT, _KEY, _CLIENT_CA = "otlp.grpc_cert_file", "otlp.grpc_key_file", "otlp.grpc_client_ca_file"
_State = tuple[tuple[int, ...] | None, ...]


class Identity(msgspec.Struct, frozen=True):
    """What the server shows and whom it trusts, as it stands in the files, which belong together."""

    chain: bytes
    """The certificate and those that vouch for it, in PEM form."""
    key: bytes
    client_ca: bytes | None
    """Whose certificates clients must show; None asks them for none."""
    der: bytes
    """The server's own certificate."""
    ends_at: datetime


def load(options: OtlpOptions) -> Identity:
    """Read the files; raises `SettingsInvalid` that names the setting, the file and what is wrong with it."""
    chain, key = _read(options.grpc_cert_file, _CERT), _read(options.grpc_key_file, _KEY)
    own = _certificates(chain, options.grpc_cert_file, _CERT)
    _check_key(key, own, options)
    client_ca = None
    if options.grpc_client_ca_file:
        client_ca = _read(options.grpc_client_ca_file, _CLIENT_CA)
        _certificates(client_ca, options.grpc_client_ca_file, _CLIENT_CA)
    return Identity(chain, key, client_ca, own[0].public_bytes(Encoding.DER), own[0].not_valid_after_utc)


class TlsFiles:
    """Gives gRPC the newest good certificate; files that became wrong leave the last good one in force."""

    def __init__(self, options: OtlpOptions) -> None:
        """Read the files for the first time; raises `SettingsInvalid`."""
        self._options = options
        self._seen = _state(options)
        identity = load(options)
        _warn_of_end(identity)
        # "None" for nothing new is in gRPC's documentation and not in its types
        renewed: Any = self._renewed
        # held here, since gRPC itself keeps no reference to what it asks for renewals
        self.credentials = grpc.dynamic_ssl_server_credentials(
            _configuration(identity), renewed, require_client_authentication=identity.client_ca is not None
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what is new in the files, None when nothing is; gRPC asks for each connection, from its own threads.

        Renewals write one file after the other: between the two they do not match, and the next change is read again.
        """
        state = _state(self._options)
        if state == self._seen:
            return None
        self._seen = state
        try:
            identity = load(self._options)
        except SettingsInvalid as error:
            _log.error("%s; OTLP/gRPC goes on with the certificate before it", error.detail)
            return None
        _log.info("OTLP/gRPC has a new certificate, good until %s", f"{identity.ends_at:%Y-%m-%d %H:%M} UTC")
        _warn_of_end(identity)
        return _configuration(identity)


def _configuration(identity: Identity) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(identity.key, identity.chain)], identity.client_ca)


def _state(options: OtlpOptions) -> _State:
    return tuple(
        _stat(Path(name)) for name in (options.grpc_cert_file, options.grpc_key_file, options.grpc_client_ca_file)
    )


def _stat(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # the inode tells files that were put in another's place, the change time a right to read that was given
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(name: str, setting: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise SettingsInvalid(f"{setting}: {name} cannot be read: {error.strerror}", param=setting) from error


def _certificates(data: bytes, name: str, setting: str) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError as error:
        raise SettingsInvalid(f"{setting}: {name} holds no certificate in PEM form", param=setting) from error


def _check_key(data: bytes, own: Sequence[x509.Certificate], options: OtlpOptions) -> None:
    name = options.grpc_key_file
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:
        raise SettingsInvalid(
            f"{_KEY}: {name} is locked with a passphrase; keep the key without one, for this user only", param=_KEY
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsInvalid(f"{_KEY}: {name} holds no private key in PEM form", param=_KEY) from error
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(*form)
    fits = [certificate.public_key().public_bytes(*form) == public for certificate in own]
    if fits[0]:
        return
    if any(fits):
        raise SettingsInvalid(
            f"{_CERT}: in {options.grpc_cert_file} the server's own certificate must come first, before those that "
            "vouch for it",
            param=_CERT,
        )
    raise SettingsInvalid(f"{_KEY}: the key in {name} is not that of {options.grpc_cert_file}", param=_KEY)


def _warn_of_end(identity: Identity) -> None:
    if identity.ends_at < datetime.now(UTC):
        _log.warning("the certificate of OTLP/gRPC was good until %s", f"{identity.ends_at:%Y-%m-%d %H:%M} UTC")
