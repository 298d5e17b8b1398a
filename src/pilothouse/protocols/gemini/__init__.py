"""Gemini's generateContent, whole and streamed, and its countTokens."""

from typing import Any

import msgspec

from pilothouse.domain.call import Operation
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols.base import EVENT_STREAM, JSON, Ask, ChatCodec, Dialect, Fail, Reply
from pilothouse.protocols.gemini import errors, wire
from pilothouse.protocols.gemini.fold import fold
from pilothouse.protocols.gemini.head import read_head
from pilothouse.protocols.gemini.reply import read_reply
from pilothouse.protocols.gemini.reply_in import read_reply as read_chat_reply
from pilothouse.protocols.gemini.reply_out import write_reply
from pilothouse.protocols.gemini.request_in import read_request
from pilothouse.protocols.gemini.request_out import write_request
from pilothouse.protocols.gemini.scan import StreamScan
from pilothouse.protocols.gemini.stream_in import StreamReader
from pilothouse.protocols.gemini.stream_out import StreamWriter
from pilothouse.protocols.heads import never_canonical, rewrite_named_in_path

__all__ = [
    "CODEC", "COUNT_TOKENS", "DIALECT", "StreamReader", "StreamScan", "StreamWriter", "fold", "read_chat_reply",
    "read_head", "read_reply", "read_request", "write_reply", "write_request",
]  # fmt: skip

_ANY = msgspec.json.Decoder(dict[str, Any])


def _stream_type(ask: Ask) -> bytes:
    return JSON if ask.variant == errors.ARRAY else EVENT_STREAM


def _stream_error(ask: Ask) -> Fail:
    return errors.render_array_error if ask.variant == errors.ARRAY else errors.render_stream_error


def _stream_note(name: bytes, value: bytes) -> bytes:
    # Google's own SDK takes every line that is not data for the beginning of an error, comments too.
    return b'data: {"%b":"%b"}\n\n' % (name, value)


def _read_count(body: bytes) -> Reply:
    try:
        found = _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = {}
    error = errors.read_error(body)
    if error is None and "totalTokens" not in found:
        raise UpstreamProtocol("the provider's answer has no count", upstream_status=200, body=body[:65536])
    return Reply(error=error)


CODEC = ChatCodec(
    read_request=read_request,
    write_request=write_request,
    read_reply=read_chat_reply,
    write_reply=write_reply,
    reader=StreamReader,
    writer=StreamWriter,
)

DIALECT = Dialect(
    name=wire.NAME,
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
    codec=CODEC,
    stream_error=_stream_error,
    stream_type=_stream_type,
    stream_note=_stream_note,
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
