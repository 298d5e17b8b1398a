"""Anthropic, by its own API: the one that is like OpenAI's leaves out what it does not know."""

from collections.abc import Mapping

import msgspec

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind
from pilothouse.providers.batches import AnthropicBatches, BatchAccount, Exchange
from pilothouse.providers.keyed import Auth, KeyedAccount, model_names
from pilothouse.providers.openai_compatible import strip_endpoint
from pilothouse.transport.base import Headers, Origin, Request

_VERSION: Headers = ((b"anthropic-version", b"2023-06-01"),)
_PATHS: Mapping[str, str] = {
    "anthropic_messages": "/messages",
    "anthropic_count_tokens": "/messages/count_tokens",
}
_MODELS = "/models"
_USUAL = "/v1"


class AnthropicRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of Anthropic in the table of providers."""

    title: str = "Anthropic"
    base_url: str = "https://api.anthropic.com/v1"

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, self.base_url, needs_secret=True, free=False)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return AnthropicAccount(self, options, clock or SystemClock())


class AnthropicAccount(BatchAccount, KeyedAccount):
    """One account, with its batch service."""

    dialects = tuple(_PATHS)

    def __init__(self, row: AnthropicRow, options: AccountOptions, clock: Clock) -> None:
        super().__init__(options, clock, needs_secret=True)
        self._origin, path = Origin.parse(options.base_url.strip() or row.base_url)
        prefix = strip_endpoint(path, (*_PATHS.values(), _MODELS)) if path else _USUAL
        self._targets = {name: (prefix + ending).encode() for name, ending in _PATHS.items()}
        self._models_target = f"{prefix}{_MODELS}?limit=1000".encode()
        exchange = Exchange(self, self._ring, self._origin, Auth.API_KEY, (*self._shared, *_VERSION))
        self._batches = AnthropicBatches(exchange, prefix)

    def __repr__(self) -> str:
        return f"AnthropicAccount({self._account!r} at {self._origin.netloc})"

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        target = self._targets.get(call.dialect)
        if target is None:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        return self._post(self._origin, target, call, Auth.API_KEY, _own(call.headers))

    def probe(self) -> Request:
        """Return the request for the list of models."""
        return self._get(self._origin, self._models_target, Auth.API_KEY, _VERSION)

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        return model_names(self._account, body)


def _own(headers: Headers) -> Headers:
    """Return the version and the betas that the caller asked for; the version there has to be."""
    if not headers:
        return _VERSION
    asked = tuple(item for item in headers if item[0] in (b"anthropic-version", b"anthropic-beta"))
    return asked if any(name == b"anthropic-version" for name, _ in asked) else (*_VERSION, *asked)
