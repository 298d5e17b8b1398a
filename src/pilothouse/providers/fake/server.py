"""The fake provider itself: routes, scripts, and what it has seen."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import (
    batch_routes,
    dialects,
    http,
    render,
    render_anthropic,
    render_bedrock,
    render_gemini,
    script,
)
from pilothouse.providers.fake.batches import BatchScript, Desk
from pilothouse.providers.fake.dialects import Dialect
from pilothouse.providers.fake.http import Reaction, Request
from pilothouse.providers.fake.plan import Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_CACHED_PLANS = 256
_NORMAL = Answer()


class Seen(msgspec.Struct, frozen=True):
    """A request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case; of equal names the last."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class _Message(msgspec.Struct):
    content: Any = ""


_Renderer = Callable[[Answer, Asked], Plan]


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = None


class _Chat(msgspec.Struct):
    model: str
    messages: list[msgspec.Raw]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: int | None = None


class _Embeddings(msgspec.Struct):
    model: str
    input: str | list[Any]
    dimensions: int | None = None
    output_dimension: int | None = None
    encoding_format: str | None = None


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    answers: list[str | Answer] = []
    expect_key: str | None = None
    batches: list[BatchScript] = []


_CHAT = msgspec.json.Decoder(_Chat)
_EMBEDDINGS = msgspec.json.Decoder(_Embeddings)
_SCRIPT = msgspec.json.Decoder(_Script)
_MESSAGE = msgspec.json.Decoder(_Message)


class FakeProvider:
    """A scriptable server on loopback that speaks every vendor's API; use it as an async context manager.

    Scripts count in this order: header `x-fake-script`, model name `fake-<behaviour>`, `script()`. Over HTTP the same
    is done by `POST /__fake__/script`, `GET /__fake__/hits` and `DELETE /__fake__`.
    """

    def __init__(
        self, *, host: str = "127.0.0.1", port: int = 0, expect_key: str | None = None, keep: int = 100
    ) -> None:
        self._host = host
        self._port = port
        self._expect_key = expect_key
        self._first_key = expect_key
        self._server: asyncio.Server | None = None
        self._counts = http.Counts()
        self._connections: set[http.Connection] = set()
        self._answers: deque[Answer] = deque([_NORMAL])
        self._plans: dict[tuple[_Renderer, Answer, Asked], Plan] = {}
        self.hits_by_path: Counter[str] = Counter()
        """Requests by path, control requests left out."""
        self.batches = Desk(self._serve)
        """The batch services: jobs, their scripts, and how often each line ran."""
        self._requests: deque[Request] = deque(maxlen=keep)
        self._routes: dict[tuple[str, str], Callable[[Request], Reaction]] = {
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/embeddings"): self._embeddings,
            ("POST", "/mistral/v1/embeddings"): self._embeddings,
            ("POST", "/v1beta/openai/chat/completions"): self._chat,
            ("POST", "/v1beta/openai/embeddings"): self._embeddings,
            ("POST", "/compatibility/v1/chat/completions"): self._chat,
            ("POST", "/compatibility/v1/embeddings"): self._embeddings,
            ("GET", "/v1/models"): self._models,
            ("GET", "/v1beta/models"): self._models,
            ("GET", "/foundation-models"): self._models,
            ("POST", "/__fake__/script"): self._set_script,
            ("GET", "/__fake__/hits"): self._report,
            ("DELETE", "/__fake__"): self._forget,
        }

    async def __aenter__(self) -> "FakeProvider":
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Listen; with port 0 on a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, self._host, self._port, backlog=2048)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._server.wait_closed()
        self._server = None

    @property
    def url(self) -> str:
        """The root, without a trailing slash."""
        return f"http://{self._host}:{self._port}"

    @property
    def base_url(self) -> str:
        """The base URL as an OpenAI client wants it."""
        return f"{self.url}/v1"

    @property
    def hits(self) -> int:
        """Requests so far, control requests left out."""
        return self.hits_by_path.total()

    @property
    def requests(self) -> list[Seen]:
        """The last requests, oldest first."""
        return [_seen(request) for request in self._requests]

    @property
    def disconnects(self) -> int:
        """How often a client went away before it had its whole answer."""
        return self._counts.disconnects

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._connections)

    def script(self, *answers: Answer | str | Mapping[str, Any]) -> None:
        """Answer the next requests in turn with these, the last one again and again; none means normal answers.

        An answer is an `Answer`, the name of a behaviour, or a mapping of `Answer` fields; raises `SettingsInvalid`.
        """
        self._answers = deque([_answer(answer) for answer in answers] or [_NORMAL])

    def expect_key(self, key: str | None) -> None:
        """Answer 401 to requests without this bearer key; None takes any."""
        self._expect_key = key

    def reset(self) -> None:
        """Forget scripts, counts and requests."""
        self._answers = deque([_NORMAL])
        self._expect_key = self._first_key
        self.hits_by_path.clear()
        self._requests.clear()
        self.batches.reset()
        self._counts.disconnects = 0

    async def wait_for_disconnect(self, timeout_s: float = 5.0, *, count: int = 1) -> None:
        """Return once `count` clients went away early in all; raises `TimeoutError`."""
        await self._wait(lambda: self.disconnects >= count, timeout_s)

    async def wait_for_hits(self, count: int, timeout_s: float = 5.0) -> None:
        """Return once `count` requests came in; raises `TimeoutError`."""
        await self._wait(lambda: self.hits >= count, timeout_s)

    async def _wait(self, reached: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not reached():
                self._counts.changed.clear()
                await self._counts.changed.wait()

    def _connection(self) -> http.Connection:
        return http.Connection(self._react, self._counts, self._connections)

    def _react(self, request: Request) -> Reaction:
        path = request.target.partition("?")[0]
        route = self._routes.get((request.method, path))
        if path.startswith("/__fake__"):
            return route(request) if route else _problem(404, "no such control endpoint")
        self.hits_by_path[path] += 1
        self._requests.append(request)
        self._counts.changed.set()
        if self._expect_key is not None and not _has_key(request, self._expect_key):
            wrong = script.BEHAVIOURS["401"]
            renderer = None if route is not None else _renderer(request, path)
            return _react_to(wrong, None if renderer is None else renderer(wrong, Asked()))
        return self._serve(request)

    def _serve(self, request: Request) -> Reaction:
        path = request.target.partition("?")[0]
        route = self._routes.get((request.method, path))
        dialect = dialects.find(request.method, path) if route is None else None
        if dialect is not None:
            return self._speak(dialect, request)
        if route is None:
            later = batch_routes.find(request)
            if later is not None:
                return batch_routes.serve(self.batches, request, *later)
            return _problem(404, f"no such endpoint: {request.method} {path}")
        try:
            return route(request)
        except (msgspec.DecodeError, SettingsInvalid) as error:
            return _problem(400, str(error))

    def _speak(self, dialect: Dialect, request: Request) -> Reaction:
        try:
            asked = dialect.read(request)
            answer = self._next(request, asked.model)
        except (msgspec.DecodeError, SettingsInvalid) as error:
            return Reaction(dialect.answer(Answer(status=400, error_message=str(error)), Asked()))
        if not answer.echo:
            asked = msgspec.structs.replace(asked, last_message="")
        return _react_to(answer, self._plan(dialect.answer, answer, asked))

    def _next(self, request: Request, model: str) -> Answer:
        asked = request.header(b"x-fake-script")
        if asked:
            return script.parse(asked)
        marked = script.by_model(model) if "fake-" in model else None
        if marked is not None:
            return marked
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    def _chat(self, request: Request) -> Reaction:
        body = _CHAT.decode(request.body)
        answer = self._next(request, body.model)
        usage = body.stream_options is not None and body.stream_options.include_usage is True
        message = _last_message(body.messages) if answer.echo else ""
        asked = Asked(model=body.model, streamed=body.stream is True, usage=usage, n=body.n or 1, last_message=message)
        return _react_to(answer, self._plan(render.chat, answer, asked))

    def _plan(self, renderer: _Renderer, answer: Answer, asked: Asked) -> Plan:
        plan = self._plans.get((renderer, answer, asked))
        if plan is None:
            plan = renderer(answer, asked)
            if not answer.echo and not answer.retry_after_date_s:
                if len(self._plans) >= _CACHED_PLANS:
                    self._plans.clear()
                self._plans[renderer, answer, asked] = plan
        return plan

    def _embeddings(self, request: Request) -> Reaction:
        body = _EMBEDDINGS.decode(request.body)
        answer = self._next(request, body.model)
        packed = body.encoding_format == "base64"
        size = body.dimensions or body.output_dimension or 8
        content = render.embeddings(answer.model or body.model, _texts(body.input), size, packed=packed)
        if "/mistral/" in request.target:
            content["id"] = "mistral-fake"
        return _react_to(answer, render.document(answer, content))

    def _models(self, request: Request) -> Reaction:
        # A list of models does not use up a script, but a script that fails fails here as well.
        answer = (
            script.parse(request.header(b"x-fake-script")) if request.header(b"x-fake-script") else self._answers[0]
        )
        return _react_to(answer, render.document(answer, _listed(request)))

    def _set_script(self, request: Request) -> Reaction:
        try:
            wanted = _SCRIPT.decode(request.body)
            self.script(*wanted.answers)
            self.batches.script(*wanted.batches)
        except (msgspec.DecodeError, SettingsInvalid) as error:
            return _problem(400, str(error))
        if wanted.expect_key is not None:
            self.expect_key(wanted.expect_key or None)
        return self._report(request)

    def _report(self, request: Request) -> Reaction:
        del request
        last = [
            {
                "method": seen.method,
                "path": seen.path,
                "headers": seen.headers,
                "body": seen.body.decode(errors="replace"),
            }
            for seen in self.requests
        ]
        content = {
            "hits": self.hits,
            "hits_by_path": dict(self.hits_by_path),
            "disconnects": self.disconnects,
            "connections": self.connections,
            "requests": last,
            "batches": len(self.batches.jobs),
            "lines_run": dict(self.batches.ran),
        }
        return Reaction(render.document(_NORMAL, content))

    def _forget(self, request: Request) -> Reaction:
        self.reset()
        return self._report(request)


def _answer(answer: Answer | str | Mapping[str, Any]) -> Answer:
    if isinstance(answer, Answer):
        return answer
    if isinstance(answer, str):
        return script.parse(answer)
    try:
        return msgspec.convert(dict(answer), Answer)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"no such fake behaviour: {error}") from error


def _renderer(request: Request, path: str) -> _Renderer | None:
    """Return what puts errors into the form of the path's vendor."""
    dialect = dialects.find(request.method, path)
    if dialect is not None:
        return dialect.answer
    later = batch_routes.find(request)
    return None if later is None else later[2]


def _react_to(answer: Answer, plan: Plan | None) -> Reaction:
    return Reaction(plan or render.document(answer, None), answer.fault, answer.first_byte_s)


def _problem(status: int, message: str) -> Reaction:
    return Reaction(render.document(Answer(status=status, error_message=message), None))


def _listed(request: Request) -> dict[str, Any]:
    if request.target.startswith("/v1beta/") or request.header(b"x-goog-api-key"):
        return render_gemini.models()
    if request.target.startswith("/foundation-models"):
        return render_bedrock.models()
    return render_anthropic.models() if request.header(b"anthropic-version") else render.models()


def _has_key(request: Request, key: str) -> bool:
    bearer = request.header(b"authorization")
    if bearer.startswith(b"AWS4-HMAC-SHA256"):
        return b"Credential=" + key.encode() + b"/" in bearer
    names = (b"x-api-key", b"x-goog-api-key", b"api-key")
    sent = {bearer.removeprefix(b"Bearer "), *(request.header(name) for name in names)}
    query = parse_qs(request.target.partition("?")[2])
    return key.encode() in sent or key in query.get("key", [])


def _seen(request: Request) -> Seen:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
    return Seen(request.method, request.target.partition("?")[0], headers, request.body)


def _last_message(messages: list[msgspec.Raw]) -> str:
    content = _MESSAGE.decode(messages[-1]).content if messages else ""
    return content if isinstance(content, str) else msgspec.json.encode(content).decode()


def _texts(given: str | Iterable[Any]) -> list[str]:
    if isinstance(given, str):
        return [given]
    items = list(given)
    if items and isinstance(items[0], int):
        return [str(items)]
    return [item if isinstance(item, str) else str(item) for item in items]
