"""Provider keys at rest: sealed for the account they belong to."""

from pilothouse.domain.secret import SecretBox
from pilothouse.domain.snapshot import Account
from pilothouse.registry.secrets import fresh_nonce


class Sealer:
    """Seals and opens the secrets of accounts."""

    def __init__(self, secret_box: SecretBox) -> None:
        self._box = secret_box

    def seal(self, account_id: str, secret: str) -> str:
        """Return the secret sealed for one account; empty stays empty."""
        return self._box.seal(secret, _context(account_id), fresh_nonce()) if secret else ""

    def open(self, account: Account) -> str:
        """Return an account's secret; raises `SettingsInvalid` when it was sealed under another secret key."""
        return self._box.open(account.sealed_secret, _context(account.id)) if account.sealed_secret else ""


def _context(account_id: str) -> str:
    return f"account:{account_id}"
