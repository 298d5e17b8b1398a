"""Cohere's chat, whole and streamed, in its second version."""

from pilothouse.domain.call import Operation
from pilothouse.protocols.base import ChatCodec, Dialect
from pilothouse.protocols.cohere_chat import wire
from pilothouse.protocols.cohere_chat.errors import render_error, render_stream_error
from pilothouse.protocols.cohere_chat.head import needs_canonical, read_head, rewrite
from pilothouse.protocols.cohere_chat.replies import read_whole, write_whole
from pilothouse.protocols.cohere_chat.reply import read_reply
from pilothouse.protocols.cohere_chat.request_in import read_request
from pilothouse.protocols.cohere_chat.request_out import write_request
from pilothouse.protocols.cohere_chat.scan import StreamScan, fold
from pilothouse.protocols.cohere_chat.stream_in import StreamReader
from pilothouse.protocols.cohere_chat.stream_out import StreamWriter

__all__ = ["DIALECT", "StreamReader", "StreamScan", "StreamWriter", "fold", "read_request", "write_request"]

DIALECT = Dialect(
    name=wire.NAME,
    operation=Operation.CHAT,
    path="/v2/chat",
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
        read_reply=read_whole,
        write_reply=write_whole,
        reader=StreamReader,
        writer=StreamWriter,
    ),
)
