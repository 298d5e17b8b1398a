"""The Gemini API, with a key of Google AI Studio."""

import msgspec

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown, UpstreamError
from pilothouse.providers import failures
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind
from pilothouse.providers.batches import BatchAccount, Exchange
from pilothouse.providers.google.batches import GeminiBatches
from pilothouse.providers.google.failures import classify
from pilothouse.providers.google.paths import model_path, verb
from pilothouse.providers.keyed import Auth, KeyedAccount, model_names
from pilothouse.providers.openai_compatible import strip_endpoint
from pilothouse.transport.base import Origin, Request

_USUAL = "/v1beta"
_MODELS = "/models"
_CHAT = "/openai/chat/completions"


class GeminiRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of the Gemini API in the table of providers."""

    title: str = "Google Gemini"
    base_url: str = "https://generativelanguage.googleapis.com/v1beta"

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, self.base_url, needs_secret=True, free=False)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return GeminiAccount(self, options, clock or SystemClock())


class GeminiAccount(BatchAccount, KeyedAccount):
    """One account, with its batch service."""

    dialects = ("gemini", "gemini_embeddings", "gemini_count_tokens", "openai_chat")

    def __init__(self, row: GeminiRow, options: AccountOptions, clock: Clock) -> None:
        super().__init__(options, clock, needs_secret=True)
        self._origin, path = Origin.parse(options.base_url.strip() or row.base_url)
        self._prefix = strip_endpoint(path, (_CHAT, "/openai", _MODELS)) if path else _USUAL
        exchange = Exchange(self, self._ring, self._origin, Auth.GOOGLE, self._shared)
        self._batches = GeminiBatches(exchange, self._prefix)

    def __repr__(self) -> str:
        return f"GeminiAccount({self._account!r} at {self._origin.netloc})"

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        if call.dialect not in self.dialects:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        if call.dialect == "openai_chat":
            return self._post(self._origin, f"{self._prefix}{_CHAT}".encode(), call, Auth.BEARER)
        target = f"{self._prefix}/{model_path(call.model)}:{verb(call)}"
        return self._post(self._origin, target.encode(), call, Auth.GOOGLE)

    def probe(self) -> Request:
        """Return the request for the list of models."""
        return self._get(self._origin, f"{self._prefix}{_MODELS}?pageSize=1000".encode(), Auth.GOOGLE)

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        return [name.removeprefix("models/") for name in model_names(self._account, body, ("models",))]

    def _classify(self, answer: failures.Answer) -> UpstreamError:
        return classify(answer, self._clock)
