"""Calls to the platform's HTTP API."""

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, get_type_hints
from urllib.parse import urlsplit

import httpx
import msgspec
import typer

from pilothouse import errors, settings
from pilothouse.cli.terminal import Json
from pilothouse.errors import (
    CallerError,
    Forbidden,
    InternalError,
    KeyMissing,
    PilothouseError,
    PlatformError,
    Unauthorized,
    Unreachable,
)
from pilothouse.settings import Settings

T = TypeVar("T")

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANYWHERE = frozenset({"0.0.0.0", "::"})
_TIMEOUT_S = 30.0
_OPTIONS: Mapping[str, tuple[Any, Any]] = MappingProxyType(
    {
        "project": (
            Annotated[
                str, typer.Option(help="Id of the project; by default the key's, or the first.", show_default=False)
            ],
            "",
        ),
        "as_json": (Json, False),
        "url": (
            Annotated[
                str, typer.Option(help="Address of the platform; by default this machine's.", show_default=False)
            ],
            "",
        ),
        "key": (
            Annotated[str, typer.Option(help="Virtual key; on the machine itself none is needed.", show_default=False)],
            "",
        ),
    }
)


class _Problem(msgspec.Struct):
    detail: str = ""
    title: str = ""
    code: str = ""
    request_id: str = ""


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function as a command with the options `--project`, `--json`, `--url` and `--key` after its own.

    It is called with the `Api` they name and whether JSON is wanted, then with its own arguments by name.
    """

    def call(*, url: str, key: str, project: str, as_json: bool, **own: Any) -> None:
        function(Api(url, key, project), as_json, **own)

    _, _, *own = inspect.signature(function).parameters.values()
    hints = get_type_hints(function, include_extras=True)
    parameters = [one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _OPTIONS.items()
    ]
    call.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    call.__name__, call.__doc__ = function.__name__, function.__doc__
    return call


class Api:
    """The API of one installation, as one caller."""

    def __init__(self, url: str = "", key: str = "", project: str = "") -> None:
        chosen = settings.load()
        self.url = (url or chosen.url or _own_url(chosen)).rstrip("/")
        try:
            here = urlsplit(self.url).hostname in _LOOPBACK
        except ValueError as error:
            raise Unreachable(f"{self.url!r} is not a web address: {error}") from error
        token = key or chosen.key or (_local_token(chosen) if here else "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if project:
            headers["X-Pilothouse-Project"] = project
        # a proxy of the environment is for the way to other machines
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=_TIMEOUT_S, trust_env=not here
        )

    def get(self, path: str, kind: type[T], query: Mapping[str, Any] | None = None) -> T:
        """Return the answer of a GET as `kind`."""
        wanted = {name: value for name, value in (query or {}).items() if value not in (None, "", [])}
        return self._send("GET", path, kind, params=wanted)

    def post(self, path: str, kind: type[T], body: Mapping[str, Any]) -> T:
        """Return the answer of a POST as `kind`."""
        return self._send("POST", path, kind, content=msgspec.json.encode(body))

    def delete(self, path: str, kind: type[T]) -> T:
        """Return the answer of a DELETE as `kind`."""
        return self._send("DELETE", path, kind)

    def pieces(self, path: str) -> Iterator[bytes]:
        """Yield the answer of a GET as it comes."""
        with self._reached(), self._client.stream("GET", path) as answer:
            if not answer.is_success:
                answer.read()
                raise self._refusal(answer)
            yield from answer.iter_bytes()

    @contextmanager
    def _reached(self) -> Generator[None]:
        try:
            yield
        except httpx.InvalidURL as error:
            raise Unreachable(f"{self.url!r} is not a web address: {error}") from error
        except httpx.TransportError as error:
            raise Unreachable(
                f"no Pilothouse answers at {self.url} ({type(error).__name__}); start it with `pilothouse up`, "
                "or give its address with --url"
            ) from error

    def _send(self, method: str, path: str, kind: type[T], **arguments: Any) -> T:
        with self._reached():
            answer = self._client.request(method, path, headers={"Content-Type": "application/json"}, **arguments)
        if answer.is_success:
            try:
                return msgspec.json.decode(answer.content, type=kind)
            except msgspec.DecodeError as error:
                raise Unreachable(f"what answers at {self.url} is not the Pilothouse API of this version") from error
        raise self._refusal(answer)

    def _refusal(self, answer: httpx.Response) -> PilothouseError:
        try:
            problem = msgspec.json.decode(answer.content, type=_Problem)
        except msgspec.DecodeError:
            problem = _Problem()
        if not problem.code and answer.status_code == 404:
            return Unreachable(f"what answers at {self.url} is not the Pilothouse API; give its address with --url")
        return _error(problem, answer.status_code)


def _error(problem: _Problem, status: int) -> PilothouseError:
    detail = problem.detail or problem.title or f"the platform answered {status}"
    found = _classes().get(problem.code) or _by_status(status)
    if issubclass(found, Unauthorized):
        detail += "; give a key with --key, or PILOTHOUSE_CLI_KEY"
    if issubclass(found, InternalError) and problem.request_id:
        detail += f" (request {problem.request_id})"
    return found(detail)


def _classes() -> dict[str, type[PilothouseError]]:
    return {kind.code: kind for kind in errors.kinds()}


def _by_status(status: int) -> type[PilothouseError]:
    if status == Unauthorized.status:
        return KeyMissing
    if status == Forbidden.status:
        return Forbidden
    return CallerError if status < 500 else PlatformError


def _own_url(chosen: Settings) -> str:
    if chosen.server.public_url:
        return chosen.server.public_url
    host = "127.0.0.1" if chosen.server.host in _ANYWHERE else chosen.server.host
    return f"http://{f'[{host}]' if ':' in host else host}:{chosen.server.port}"


def _local_token(chosen: Settings) -> str:
    try:
        return (chosen.data / "run" / "local.token").read_text().strip()
    except OSError:
        return ""
