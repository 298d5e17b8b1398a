"""OpenAI's Responses API."""

from pilothouse.domain.call import Operation
from pilothouse.protocols import limit_headers
from pilothouse.protocols.base import ChatCodec, Dialect
from pilothouse.protocols.openai_error import render_error
from pilothouse.protocols.openai_responses.errors import render_stream_error
from pilothouse.protocols.openai_responses.fold import fold
from pilothouse.protocols.openai_responses.head import needs_canonical, read_head, rewrite
from pilothouse.protocols.openai_responses.reply import read_reply
from pilothouse.protocols.openai_responses.reply_in import read_reply as read_chat_reply
from pilothouse.protocols.openai_responses.reply_out import write_reply
from pilothouse.protocols.openai_responses.request_in import read_request
from pilothouse.protocols.openai_responses.request_out import write_request
from pilothouse.protocols.openai_responses.scan import StreamScan
from pilothouse.protocols.openai_responses.stream_in import StreamReader
from pilothouse.protocols.openai_responses.stream_out import StreamWriter
from pilothouse.protocols.openai_responses.wire import NAME

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name=NAME,
    operation=Operation.CHAT,
    path="/v1/responses",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    scan=StreamScan,
    fold=fold,
    codec=ChatCodec(
        read_request=read_request,
        write_request=write_request,
        read_reply=read_chat_reply,
        write_reply=write_reply,
        reader=StreamReader,
        writer=StreamWriter,
    ),
    limit_headers=limit_headers.openai,
)
