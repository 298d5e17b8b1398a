"""Every provider with an OpenAI-like API: one row of options each, no code."""

from collections.abc import Mapping

import msgspec

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown, SettingsInvalid
from pilothouse.protocols.json_body import read_object
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind
from pilothouse.providers.keyed import Auth, KeyedAccount, model_names
from pilothouse.transport.base import Headers, Origin, Request

USUAL_PATHS: Mapping[str, str] = {
    "openai_chat": "/chat/completions",
    "openai_embeddings": "/embeddings",
    "openai_completions": "/completions",
    "openai_responses": "/responses",
    "openai_images": "/images/generations",
    "openai_image_edits": "/images/edits",
    "openai_speech": "/audio/speech",
    "openai_transcriptions": "/audio/transcriptions",
    "openai_translations": "/audio/translations",
    "openai_moderations": "/moderations",
    "jina_rerank": "/rerank",
    "cohere_rerank": "/rerank",
}
"""Where OpenAI and those who follow it serve a dialect, below the base URL."""

_CHAT = "openai_chat"
_BETA = b"openai-beta"


def usual(*dialects: str) -> dict[str, str]:
    """Return the usual paths of the dialects, in the order given."""
    return {name: USUAL_PATHS[name] for name in dialects}


class Fixes(msgspec.Struct, frozen=True):
    """Fields of chat requests that callers send in good faith and a server does not take."""

    renamed: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()

    def apply(self, body: bytes) -> bytes:
        """Return the body with what the server takes, every other value's bytes as they were."""
        names = (*(old for old, _ in self.renamed), *self.dropped)
        if not any(f'"{name}"'.encode() in body for name in names):
            return body
        members = read_object(body)
        for old, new in self.renamed:
            if old in members:
                value = members.pop(old)
                members.setdefault(new, value)
        for name in self.dropped:
            members.pop(name, None)
        return msgspec.json.encode(members)


NO_FIXES = Fixes()
OLD_LIMIT = Fixes(renamed=(("max_completion_tokens", "max_tokens"),))
"""For servers that know the limit of an answer by its first name only, and refuse or overlook the later one."""


class OpenAICompatible(msgspec.Struct, frozen=True, kw_only=True):
    """One row: where a vendor or server listens and what it needs."""

    title: str
    base_url: str = ""
    """Default base URL with its path; empty when the operator has to give one."""
    needs_secret: bool = True
    free: bool = False
    managed: bool = False
    paths: Mapping[str, str] = msgspec.field(default_factory=lambda: usual(_CHAT, "openai_embeddings"))
    """Of each dialect that is spoken, below the base URL; of several for one operation the one to convert to first."""
    models_path: str = "/models"
    """Of the probe: refused without the right key, where the vendor has such a path."""
    lists_models: bool = True
    """Whether the probe's answer is a list of models."""
    roots: tuple[str, ...] = ()
    """Ends of a base URL that people may give although the paths hold them."""
    fixes: Fixes = NO_FIXES

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, self.base_url, self.needs_secret, self.free, self.managed)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return OpenAIAccount(self, options, clock or SystemClock())


class OpenAIAccount(KeyedAccount):
    """One account; everything that is the same for every call is made once."""

    def __init__(self, row: OpenAICompatible, options: AccountOptions, clock: Clock) -> None:
        super().__init__(options, clock, needs_secret=row.needs_secret)
        self._row = row
        self._origin, self._prefix = _join(row, options)
        self._targets = {name: (self._prefix + path).encode() for name, path in row.paths.items()}
        self._models_target = (self._prefix + row.models_path).encode()
        self.dialects = tuple(self._targets)

    def __repr__(self) -> str:
        return f"OpenAIAccount({self._account!r} at {self._origin.netloc})"

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        target = self._targets.get(call.dialect)
        if target is None:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        if self._row.fixes is not NO_FIXES and call.dialect == _CHAT:
            call = msgspec.structs.replace(call, body=self._row.fixes.apply(call.body))
        return self._post(self._origin, target, call, Auth.BEARER, beta(call))

    def probe(self) -> Request:
        """Return the request for the list of models."""
        return self._get(self._origin, self._models_target, Auth.BEARER)

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        return model_names(self._account, body) if self._row.lists_models else []


def beta(call: Outbound) -> Headers:
    """Return the caller's own word on which of OpenAI's betas it wants."""
    return tuple(item for item in call.headers if item[0] == _BETA) if call.headers else ()


def strip_endpoint(path: str, endings: tuple[str, ...]) -> str:
    """Return a base URL's path without the endpoint: people paste it whole, and what is meant is clear."""
    for known in sorted(endings, key=len, reverse=True):
        if known and path.endswith(known):
            return path.removesuffix(known).rstrip("/")
    return path


def _join(row: OpenAICompatible, options: AccountOptions) -> tuple[Origin, str]:
    url = options.base_url.strip() or row.base_url
    if not url:
        raise SettingsInvalid(f"account {options.account!r} needs a base URL", param="base_url")
    origin, path = Origin.parse(url)
    bare = strip_endpoint(path, (*row.paths.values(), row.models_path.partition("?")[0], *row.roots))
    if path:
        return origin, bare
    return origin, Origin.parse(row.base_url)[1] if row.base_url else "/v1"
