"""OpenAI itself: the API that others follow, and its batch service, which they do not have."""

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.providers.base import AccountOptions, Provider
from pilothouse.providers.batches import BatchAccount, Exchange, OpenAIBatches
from pilothouse.providers.keyed import Auth
from pilothouse.providers.openai_compatible import OpenAIAccount, OpenAICompatible


class OpenAIRow(OpenAICompatible, frozen=True, kw_only=True):
    """The row of OpenAI in the table of providers."""

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return OpenAIBatchAccount(self, options, clock or SystemClock())


class OpenAIBatchAccount(BatchAccount, OpenAIAccount):
    """One account, with its batch service."""

    def __init__(self, row: OpenAIRow, options: AccountOptions, clock: Clock) -> None:
        super().__init__(row, options, clock)
        self._batches = OpenAIBatches(Exchange(self, self._ring, self._origin, Auth.BEARER, self._shared), self._prefix)
