"""Amazon Bedrock's Converse API, whole and streamed."""

from pilothouse.domain.call import Operation
from pilothouse.protocols import marks
from pilothouse.protocols.base import Ask, ChatCodec, Dialect
from pilothouse.protocols.bedrock_converse import event_stream, wire
from pilothouse.protocols.bedrock_converse.errors import (
    error_headers,
    error_status,
    read_error,
    render_error,
    render_stream_error,
)
from pilothouse.protocols.bedrock_converse.fold import fold
from pilothouse.protocols.bedrock_converse.head import read_head, rewrite
from pilothouse.protocols.bedrock_converse.reply import read_reply
from pilothouse.protocols.bedrock_converse.reply_in import read_reply as read_chat_reply
from pilothouse.protocols.bedrock_converse.reply_out import write_reply
from pilothouse.protocols.bedrock_converse.request_in import read_request
from pilothouse.protocols.bedrock_converse.request_out import write_request
from pilothouse.protocols.bedrock_converse.scan import StreamScan
from pilothouse.protocols.bedrock_converse.stream_in import StreamReader
from pilothouse.protocols.bedrock_converse.stream_out import StreamWriter

__all__ = [
    "CODEC", "DIALECT", "StreamReader", "StreamScan", "StreamWriter", "fold", "read_chat_reply",
    "read_error", "read_head", "read_reply", "read_request", "render_error", "render_stream_error",
    "write_reply", "write_request",
]  # fmt: skip


def _stream_type(_ask: Ask) -> bytes:
    return event_stream.CONTENT_TYPE


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
    path="/model/{model}/converse",
    read_head=read_head,
    needs_canonical=marks.in_ids,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    scan=StreamScan,
    fold=fold,
    codec=CODEC,
    error_status=error_status,
    error_headers=error_headers,
    stream_type=_stream_type,
    request_id_header=b"x-amzn-requestid",
)
