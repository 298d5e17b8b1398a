"""Certificates for servers and clients of tests, made in files as operators have them."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Pair:
    """A certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> None:
        self.certificate = certificate.public_bytes(Encoding.PEM)
        self.der = certificate.public_bytes(Encoding.DER)
        self.key = self._written(key, NoEncryption())
        self.locked = self._written(key, BestAvailableEncryption(b"passphrase"))

    def write(self, folder: Path, name: str = "server") -> tuple[str, str]:
        """Write both and return the names of the files."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return str(certificate), str(key)

    @staticmethod
    def _written(key: EllipticCurvePrivateKey, lock: KeySerializationEncryption) -> bytes:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


class Authority:
    """Signs certificates that are good for this machine."""

    def __init__(self, name: str) -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _named(name)
        self.certificate = self._sign(self._name, self._key, authority=True).public_bytes(Encoding.PEM)

    def issue(self, days: float = 90) -> Pair:
        """Return a new certificate that is good for so many days from now on."""
        key = generate_private_key(SECP256R1())
        return Pair(self._sign(_named("localhost"), key, days=days), key)

    def _sign(
        self, name: x509.Name, key: EllipticCurvePrivateKey, *, days: float = 90, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(names, critical=False)
        )
        return builder.sign(self._key, SHA256())


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
