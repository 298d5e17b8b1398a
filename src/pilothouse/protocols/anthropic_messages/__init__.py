"""Anthropic's Messages API, whole and streamed, and its count of tokens."""

from pilothouse.domain.call import Operation
from pilothouse.protocols import limit_headers
from pilothouse.protocols.anthropic_messages import wire
from pilothouse.protocols.anthropic_messages.errors import (
    error_status,
    read_error,
    render_error,
    render_stream_error,
)
from pilothouse.protocols.anthropic_messages.fold import fold
from pilothouse.protocols.anthropic_messages.head import MessagesHead, needs_canonical, read_head, rewrite
from pilothouse.protocols.anthropic_messages.reply import read_count, read_reply
from pilothouse.protocols.anthropic_messages.reply_in import read_reply as read_chat_reply
from pilothouse.protocols.anthropic_messages.reply_out import write_reply
from pilothouse.protocols.anthropic_messages.request_in import read_request
from pilothouse.protocols.anthropic_messages.request_out import write_request
from pilothouse.protocols.anthropic_messages.scan import StreamScan
from pilothouse.protocols.anthropic_messages.stream_in import StreamReader
from pilothouse.protocols.anthropic_messages.stream_out import StreamWriter
from pilothouse.protocols.base import ChatCodec, Dialect

__all__ = [
    "CODEC", "COUNT_TOKENS", "DIALECT", "MessagesHead", "StreamReader", "StreamScan", "StreamWriter", "fold",
    "needs_canonical", "read_chat_reply", "read_count", "read_error", "read_head", "read_reply", "read_request",
    "render_error", "render_stream_error", "rewrite", "write_reply", "write_request",
]  # fmt: skip

CODEC = ChatCodec(
    read_request=read_request,
    write_request=write_request,
    read_reply=read_chat_reply,
    write_reply=write_reply,
    reader=StreamReader,
    writer=StreamWriter,
    says_broken=False,
)

DIALECT = Dialect(
    name=wire.NAME,
    operation=Operation.CHAT,
    path="/v1/messages",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    scan=StreamScan,
    fold=fold,
    codec=CODEC,
    error_status=error_status,
    limit_headers=limit_headers.anthropic,
    request_id_header=b"request-id",
)

COUNT_TOKENS = Dialect(
    name="anthropic_count_tokens",
    operation=Operation.COUNT_TOKENS,
    path="/v1/messages/count_tokens",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_count,
    render_error=render_error,
    render_stream_error=render_stream_error,
    error_status=error_status,
)
