"""Gemini's generateContent and countTokens, as Google's accounts speak them; passed through byte for byte."""

from typing import Any

import msgspec

from pilothouse.domain.call import Operation
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.base import EVENT_STREAM, JSON, Ask, Dialect, Reply
from pilothouse.protocols.gemini import errors
from pilothouse.protocols.gemini.fold import fold
from pilothouse.protocols.gemini.head import read_head
from pilothouse.protocols.gemini.reply import read_reply
from pilothouse.protocols.gemini.scan import StreamScan
from pilothouse.protocols.heads import never_canonical, rewrite_named_in_path

__all__ = ["COUNT_TOKENS", "DIALECT", "StreamScan", "fold", "read_head", "read_reply"]

_ANY = msgspec.json.Decoder(dict[str, Any])


def _stream_type(ask: Ask) -> bytes:
    return JSON if ask.variant == "array" else EVENT_STREAM


def _read_count(body: bytes) -> Reply:
    try:
        found = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = {}
    error = errors.read_error(body)
    if error is None and "totalTokens" not in found:
        raise UpstreamProtocol("the provider's answer has no count", upstream_status=200, body=body[:65536])
    return Reply(error=error)


DIALECT = Dialect(
    name="gemini",
    operation=Operation.CHAT,
    path="/v1beta/models/{model}:generateContent",
    read_head=read_head,
    needs_canonical=never_canonical,
    rewrite=rewrite_named_in_path,
    read_reply=read_reply,
    render_error=errors.render_error,
    render_stream_error=errors.render_stream_error,
    scan=StreamScan,
    fold=fold,
    stream_type=_stream_type,
)

COUNT_TOKENS = Dialect(
    name="gemini_count_tokens",
    operation=Operation.COUNT_TOKENS,
    path="/v1beta/models/{model}:countTokens",
    read_head=read_head,
    needs_canonical=never_canonical,
    rewrite=rewrite_named_in_path,
    read_reply=_read_count,
    render_error=errors.render_error,
    render_stream_error=errors.render_stream_error,
)
