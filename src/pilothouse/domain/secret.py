"""Secrets at rest: authenticated encryption under the installation's own key."""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pilothouse.errors import SettingsInvalid

_NONCE_BYTES = 12
KEY_BYTES = 32


class SecretBox:
    """Seals and opens provider keys with AES-256-GCM; the context text binds a sealed value to its place."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise SettingsInvalid(f"the secret key must be {KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)
        self._key = key

    def derived(self, purpose: str) -> bytes:
        """Return 32 secret bytes that are always the same for one purpose, and tell nothing of those of another."""
        return hmac.new(self._key, f"pilothouse derived:{purpose}".encode(), hashlib.sha256).digest()

    def seal(self, secret: str, context: str, nonce: bytes) -> str:
        """Return the secret encrypted for `context`; `nonce` is 12 fresh random bytes."""
        if len(nonce) != _NONCE_BYTES:
            raise ValueError("a nonce has 12 bytes")
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, secret.encode(), context.encode())).decode()

    def open(self, sealed: str, context: str) -> str:
        """Return the secret; raises `SettingsInvalid` when it was sealed with another key or for another place."""
        try:
            raw = base64.b64decode(sealed)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SettingsInvalid(
                "a stored secret cannot be opened: it is damaged, or secret.key is not the one it was sealed with"
            ) from error
