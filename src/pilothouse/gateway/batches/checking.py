"""Checking the lines of an input file, before any of them runs."""

from collections.abc import Callable, Iterable

import msgspec

from pilothouse.domain.access import VirtualKey
from pilothouse.domain.batch import BatchFault
from pilothouse.errors import ModelForbidden, ModelUnknown
from pilothouse.gateway.batches.input_file import Line
from pilothouse.gateway.index import Index, Resolution
from pilothouse.protocols.base import Dialect

_MAX_CUSTOM_ID = 512
_MAX_FAULTS = 100


class Request(msgspec.Struct, frozen=True):
    """One line as its caller wrote it."""

    custom_id: str = ""
    method: str = ""
    url: str = ""
    body: msgspec.Raw = msgspec.Raw(b"")


class _Body(msgspec.Struct):
    model: str = ""
    stream: bool | None = None


class Checked(msgspec.Struct, frozen=True):
    """A line that may run."""

    request: Request
    model: str
    resolution: Resolution


_REQUEST = msgspec.json.Decoder(Request)
_BODY = msgspec.json.Decoder(_Body)


def endpoints(dialects: Iterable[Dialect]) -> dict[str, Dialect]:
    """Return what a batch may call, by path: all that takes a JSON body and answers with one."""
    return {item.path: item for item in dialects if "{" not in item.path and not item.multipart and not item.binary}


def read_request(content: bytes) -> Request:
    """Return a line that has been checked before."""
    return _REQUEST.decode(content)


class Checker:
    """Checks the lines of one batch."""

    def __init__(self, endpoint: str, key: VirtualKey, index: Index) -> None:
        self._endpoint = endpoint
        self._key = key
        self._index = index
        self._ids: set[str] = set()
        self._checks: tuple[Callable[[Request], tuple[str, str, str] | None], ...] = (
            self._custom_id, self._method, self._url
        )  # fmt: skip
        self.faults: list[BatchFault] = []

    @property
    def full(self) -> bool:
        """Whether there are so many faults that more would not help."""
        return len(self.faults) >= _MAX_FAULTS

    def check(self, line: Line) -> Checked | None:
        """Return a line that may run; None when it may not, and why has been added to the faults."""
        try:
            request = _REQUEST.decode(line.content)
        except msgspec.ValidationError as error:
            return self._fault(line, "invalid_request", f"The line is not a request: {error}.")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fault(line, "invalid_json_line", "This line is not parseable as valid JSON.")
        for look in self._checks:
            wrong = look(request)
            if wrong is not None:
                return self._fault(line, *wrong)
        return self._body(line, request)

    def _custom_id(self, request: Request) -> tuple[str, str, str] | None:
        known = request.custom_id in self._ids
        self._ids.add(request.custom_id)
        if not request.custom_id:
            return "missing_required_parameter", "Missing required parameter: 'custom_id'.", "custom_id"
        if len(request.custom_id) > _MAX_CUSTOM_ID:
            return "invalid_custom_id", f"'custom_id' is longer than {_MAX_CUSTOM_ID} characters.", "custom_id"
        if known:
            return "duplicate_custom_id", f"The custom_id {request.custom_id!r} stands in an earlier line.", "custom_id"
        return None

    def _method(self, request: Request) -> tuple[str, str, str] | None:
        if request.method == "POST":
            return None
        if not request.method:
            return "missing_required_parameter", "Missing required parameter: 'method'.", "method"
        return "invalid_method", "'method' is 'POST'.", "method"

    def _url(self, request: Request) -> tuple[str, str, str] | None:
        if request.url == self._endpoint:
            return None
        if not request.url:
            return "missing_required_parameter", "Missing required parameter: 'url'.", "url"
        return "url_mismatch", f"The line's url is not the endpoint of the batch, {self._endpoint}.", "url"

    def _body(self, line: Line, request: Request) -> Checked | None:
        if not bytes(request.body):
            return self._fault(line, "missing_required_parameter", "Missing required parameter: 'body'.", "body")
        try:
            body = _BODY.decode(request.body)
        except msgspec.ValidationError as error:
            return self._fault(line, "invalid_request", f"The body is not a request: {error}.", "body")
        if body.stream:
            return self._fault(line, "stream_not_supported", "Batches answer whole.", "body.stream")
        if not body.model:
            return self._fault(line, "missing_required_parameter", "Missing required parameter: 'model'.", "body.model")
        try:
            resolution = self._index.resolve(body.model)
            self._index.check_scope(self._key, body.model, resolution)
        except ModelUnknown as error:
            return self._fault(line, "model_not_found", error.detail, "body.model")
        except ModelForbidden as error:
            return self._fault(line, error.code, error.detail, "body.model")
        return Checked(request, body.model, resolution)

    def _fault(self, line: Line, code: str, message: str, param: str | None = None) -> None:
        self.faults.append(BatchFault(code, message, line.number, param))
