"""Writing the head of a request, such that nothing in it can become a second request."""

import re
from typing import Final

from pilothouse.errors import InvalidRequest
from pilothouse.transport.base import Headers, Request

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e]*")
_OWN = frozenset(
    (
        b"connection", b"content-length", b"expect", b"host", b"keep-alive", b"proxy-authorization",
        b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    )
)  # fmt: skip
_BODIES = frozenset((b"POST", b"PUT", b"PATCH"))
_LINE: Final = b"%b: %b\r\n"
_PLAIN = 1
_ACCEPT_ENCODING = 2
_MAX_MEMO = 1024


class HeadWriter:
    """Renders heads for one origin; remembers what repeats from call to call once it was found valid, up to a bound.

    `prefix` stands before each target (absolute form for a proxy), `lines` are header lines of the transport's own.
    """

    __slots__ = ("_names", "_prefix", "_starts", "_tail")

    def __init__(self, prefix: bytes, lines: bytes) -> None:
        self._prefix = prefix
        self._tail = b" HTTP/1.1\r\n" + lines
        self._names: dict[bytes, int] = {}
        self._starts: dict[tuple[bytes, bytes, Headers], tuple[bytes, int]] = {}

    def render(self, request: Request) -> bytes:
        """Return the head with its closing blank line; raises `InvalidRequest`."""
        method = request.method
        start = self._starts.get((method, request.target, request.headers))
        if start is None:
            start = self._start(method, request.target, request.headers)
        head, flags = start
        if request.more_headers:
            more, more_flags = self._lines(request.more_headers)
            head += more
            flags |= more_flags
        size = len(request.body)
        if not flags & _ACCEPT_ENCODING:
            head += b"accept-encoding: identity\r\n"
        return head + b"content-length: %d\r\n\r\n" % size if size or method in _BODIES else head + b"\r\n"

    def _start(self, method: bytes, target: bytes, headers: Headers) -> tuple[bytes, int]:
        if not _TOKEN.fullmatch(method) or method == b"CONNECT":
            raise InvalidRequest("the method is not valid", param="method")
        if not _TARGET.fullmatch(target):
            raise InvalidRequest("the target must be a path of visible ASCII characters", param="target")
        lines, flags = self._lines(headers)
        start = (method + b" " + self._prefix + target + self._tail + lines, flags)
        if len(self._starts) < _MAX_MEMO:
            self._starts[method, target, headers] = start
        return start

    def _lines(self, headers: Headers) -> tuple[bytes, int]:
        names = self._names
        flags = 0
        lines = b""
        for pair in headers:
            flags |= names.get(pair[0]) or self._learn(pair[0])
            lines += _LINE % pair
        # A value that smuggles a line break or a NUL changes one of the counts.
        count = len(headers)
        if lines.count(b"\n") != count or lines.count(b"\r") != count or 0 in lines:
            raise InvalidRequest("a header value holds CR, LF or NUL", param=_culprit(headers))
        return lines, flags

    def _learn(self, name: bytes) -> int:
        if not _TOKEN.fullmatch(name):
            raise InvalidRequest("a header name is not valid", param="headers")
        lower = name.lower()
        if lower in _OWN:
            raise InvalidRequest("the header is the transport's own", param=lower.decode())
        flag = _ACCEPT_ENCODING if lower == b"accept-encoding" else _PLAIN
        if len(self._names) < _MAX_MEMO:
            self._names[name] = flag
        return flag


def _culprit(headers: Headers) -> str:
    bad = [name for name, value in headers if any(byte in value for byte in (b"\r", b"\n", b"\0"))]
    return bad[0].decode() if bad else "headers"
