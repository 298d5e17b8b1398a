"""Mistral's chat: OpenAI's with words of its own, whole calls and unasked usage in streams, and thoughts in parts."""

from pilothouse.domain.call import Operation
from pilothouse.protocols.base import ChatCodec, Dialect
from pilothouse.protocols.mistral_chat import wire
from pilothouse.protocols.mistral_chat.errors import render_error, render_stream_error
from pilothouse.protocols.mistral_chat.head import needs_canonical, rewrite
from pilothouse.protocols.mistral_chat.replies import write_whole
from pilothouse.protocols.mistral_chat.request_in import read_request
from pilothouse.protocols.mistral_chat.request_out import write_request
from pilothouse.protocols.mistral_chat.stream_out import StreamWriter
from pilothouse.protocols.openai_chat.fold import fold
from pilothouse.protocols.openai_chat.head import read_head
from pilothouse.protocols.openai_chat.replies import read_whole
from pilothouse.protocols.openai_chat.reply import read_reply
from pilothouse.protocols.openai_chat.scan import StreamScan
from pilothouse.protocols.openai_chat.stream_in import StreamIn

__all__ = ["DIALECT", "StreamWriter", "read_request", "write_request"]

DIALECT = Dialect(
    name=wire.NAME,
    operation=Operation.CHAT,
    path="/mistral/v1/chat/completions",
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
        reader=StreamIn,
        writer=StreamWriter,
    ),
)
