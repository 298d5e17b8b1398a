"""Azure OpenAI: the API without versions, and the older one with a deployment in the path and a version behind it."""

import re
from urllib.parse import quote

import msgspec

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown, SettingsInvalid
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind
from pilothouse.providers.keyed import Auth, KeyedAccount, model_names
from pilothouse.providers.openai_compatible import USUAL_PATHS, beta, strip_endpoint, usual
from pilothouse.transport.base import Headers, Origin, Request

_VERSIONED = re.compile(r"[/?;]api-version=([0-9A-Za-z-]+)/?$")
"""At the end of the base URL. As a part of the path it also passes where URLs must have no query."""
_DEPLOYMENT = re.compile(r"/openai/deployments(?:/([^/]+))?$")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")
_PATHS = usual(
    "openai_chat", "openai_embeddings", "openai_completions", "openai_responses", "openai_images",
    "openai_image_edits", "openai_speech", "openai_transcriptions", "openai_translations",
)  # fmt: skip
_DEPLOYED = {name: path for name, path in _PATHS.items() if name != "openai_responses"}
"""The older API serves responses outside of deployments, and only in previews."""


class AzureRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of Azure OpenAI in the table of providers."""

    title: str = "Azure OpenAI"

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, "", needs_secret=True, free=False)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return AzureAccount(options, clock or SystemClock())


class AzureAccount(KeyedAccount):
    """One resource at Azure, whose model names are those of its deployments."""

    def __init__(self, options: AccountOptions, clock: Clock) -> None:
        super().__init__(options, clock, needs_secret=True)
        url = options.base_url.strip()
        if not url:
            raise SettingsInvalid(
                f"account {options.account!r} needs a base URL: https://<resource>.openai.azure.com", param="base_url"
            )
        versioned = _VERSIONED.search(url)
        self._version = versioned.group(1) if versioned else ""
        self._origin, path = Origin.parse(url[: versioned.start()] if versioned else url)
        path = strip_endpoint(path, (*USUAL_PATHS.values(), "/models"))
        if self._version:
            found = _DEPLOYMENT.search(path)
            self._deployment = (found.group(1) or "") if found else ""
            self._prefix = (path[: found.start()] if found else path.removesuffix("/openai")) + "/openai"
            self._paths = _DEPLOYED
        else:
            self._deployment = ""
            self._prefix = path or "/openai/v1"
            self._paths = _PATHS
        self.dialects = tuple(self._paths)

    def __repr__(self) -> str:
        return f"AzureAccount({self._account!r} at {self._origin.netloc})"

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        path = self._paths.get(call.dialect)
        if path is None:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        target = self._prefix + path
        if self._version:
            deployment = self._deployment or quote(call.model, safe="")
            target = f"{self._prefix}/deployments/{deployment}{path}?api-version={self._version}"
        return self._post(self._origin, target.encode(), call, Auth.AZURE, beta(call))

    def probe(self) -> Request:
        """Return the request for the list of models."""
        query = f"?api-version={self._version}" if self._version else ""
        return self._get(self._origin, f"{self._prefix}/models{query}".encode(), Auth.AZURE)

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        return model_names(self._account, body)

    def _auth(self, secret: str, auth: Auth) -> Headers:
        # A token of Microsoft Entra stands where a key could; each has a header of its own.
        return (Auth.BEARER if _JWT.fullmatch(secret) else auth).headers(secret)
