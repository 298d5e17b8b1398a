"""Gemini models on Vertex AI, with a service account."""

import re

import msgspec

from pilothouse.domain.clock import Clock, SystemClock
from pilothouse.errors import EndpointUnknown, UpstreamAuth, UpstreamError
from pilothouse.providers import failures
from pilothouse.providers.base import AccountOptions, Outbound, Provider, ProviderKind, Send
from pilothouse.providers.google.failures import classify
from pilothouse.providers.google.paths import model_path, verb
from pilothouse.providers.google.token import TokenSource
from pilothouse.providers.keyed import EVENT_STREAM, JSON, model_names, shared_headers, traced
from pilothouse.transport.base import Headers, Origin, Request

_REGIONAL = re.compile(r"([a-z0-9-]+)-aiplatform\.googleapis\.com")
_LOCATION = re.compile(r"/v1(?:beta1)?/projects/[^/]+/locations/[^/]+$")
_PUBLISHER = "publishers/google/"
_MODELS = "/v1beta1/publishers/google/models?pageSize=200"


class VertexRow(msgspec.Struct, frozen=True, kw_only=True):
    """The row of Vertex AI in the table of providers."""

    title: str = "Google Vertex AI"
    base_url: str = "https://aiplatform.googleapis.com"
    """Of the global location; a regional one is told by its host, or by the path up to the location."""

    def kind(self, name: str) -> ProviderKind:
        """Return the row as the UI shows it."""
        return ProviderKind(name, self.title, self.base_url, needs_secret=True, free=False, several_keys=False)

    def open(self, options: AccountOptions, clock: Clock | None = None) -> Provider:
        """Return the account; raises `SettingsInvalid` when URL, secret or headers cannot be used."""
        return VertexAccount(self, options, clock or SystemClock())


class VertexAccount:
    """One service account in one location; `prepare` has to be awaited whenever it is not `ready`."""

    dialects = ("gemini", "gemini_count_tokens")

    def __init__(self, row: VertexRow, options: AccountOptions, clock: Clock) -> None:
        self._account = options.account
        self._clock = clock
        self._tokens = TokenSource(options.secret, options.account, clock)
        self._origin, path = Origin.parse(options.base_url.strip() or row.base_url)
        if _LOCATION.search(path):
            self._root, self._prefix = _LOCATION.sub("", path), path
        else:
            self._root = path.removesuffix("/v1")
            regional = _REGIONAL.fullmatch(self._origin.host)
            location = regional.group(1) if regional else "global"
            self._prefix = f"{self._root}/v1/projects/{self._tokens.account.project_id}/locations/{location}"
        shared = shared_headers(options)
        self._plain: Headers = (*shared, (b"accept", JSON))
        self._streamed: Headers = (*shared, (b"accept", EVENT_STREAM))

    def __repr__(self) -> str:
        return f"VertexAccount({self._account!r} at {self._origin.netloc})"

    @property
    def ready(self) -> bool:
        """Whether there is a token that is good for a while yet."""
        return self._tokens.ready

    async def prepare(self, send: Send) -> None:
        """Fetch a token unless there is one; raises an `UpstreamError` when none is to be had."""
        await self._tokens.renew(send)

    def request(self, call: Outbound) -> Request:
        """Return the request to send; raises `EndpointUnknown` when the account does not speak the dialect."""
        if call.dialect not in self.dialects:
            raise EndpointUnknown(f"the provider of account {self._account!r} does not speak {call.dialect}")
        target = f"{self._prefix}/{_PUBLISHER}{model_path(call.model)}:{verb(call)}"
        headers = self._streamed if call.streamed else self._plain
        more = (*self._token(), (b"content-type", call.content_type), *traced(call))
        return Request(self._origin, b"POST", target.encode(), headers, call.body, call.timeouts, more)

    def failed(self, request: Request, error: UpstreamError) -> bool:
        """Forget a token that was refused before its end; returns whether the call may be tried at once: never."""
        if isinstance(error, UpstreamAuth) and error.upstream_status == 401:
            token = self._tokens.token.encode()
            if any(token and value.endswith(token) for _, value in request.more_headers):
                self._tokens.drop()
        return False

    def failure(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamError:
        """Return the error that an answer stands for, told by its status and typed error fields alone."""
        token = self._tokens.token.encode()
        body = body.replace(token, b"***") if token else body
        return classify(failures.Answer(self._account, status, headers, body[: failures.MAX_BODY_BYTES]), self._clock)

    def probe(self) -> Request:
        """Return the request for the list of models."""
        more = ((b"x-goog-user-project", self._tokens.account.project_id.encode()), *self._token())
        return Request(self._origin, b"GET", f"{self._root}{_MODELS}".encode(), self._plain, more_headers=more)

    def models(self, body: bytes) -> list[str]:
        """Return the model names in an answer to the probe; raises `UpstreamProtocol` when it is no such list."""
        names = model_names(self._account, body, ("publisherModels",))
        return [name.removeprefix("publishers/google/models/") for name in names]

    def _token(self) -> Headers:
        if not self._tokens.token:
            raise UpstreamAuth(f"account {self._account!r} has no access token yet")
        return ((b"authorization", b"Bearer " + self._tokens.token.encode()),)
