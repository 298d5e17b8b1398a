"""OpenAI chat completions, which most of the field speaks."""

from pilothouse.domain.call import Operation
from pilothouse.protocols import limit_headers
from pilothouse.protocols.base import ChatCodec, Dialect, ErrorBody, Reply
from pilothouse.protocols.json_body import needs_canonical, rewrite
from pilothouse.protocols.openai_chat.fold import fold
from pilothouse.protocols.openai_chat.head import ChatHead, read_head
from pilothouse.protocols.openai_chat.replies import read_whole, write_whole
from pilothouse.protocols.openai_chat.reply import read_reply, to_stream
from pilothouse.protocols.openai_chat.request_in import read_request
from pilothouse.protocols.openai_chat.request_out import write_request
from pilothouse.protocols.openai_chat.scan import StreamScan
from pilothouse.protocols.openai_chat.stream_in import StreamIn
from pilothouse.protocols.openai_chat.stream_out import StreamOut
from pilothouse.protocols.openai_error import read_error, render_error, render_stream_error

__all__ = [
    "DIALECT",
    "ChatHead",
    "ErrorBody",
    "Reply",
    "StreamScan",
    "fold",
    "needs_canonical",
    "read_error",
    "read_head",
    "read_reply",
    "render_error",
    "render_stream_error",
    "rewrite",
    "to_stream",
]

DIALECT = Dialect(
    name="openai_chat",
    operation=Operation.CHAT,
    path="/v1/chat/completions",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    scan=StreamScan,
    fold=fold,
    asks_usage=True,
    codec=ChatCodec(
        read_request=read_request,
        write_request=write_request,
        read_reply=read_whole,
        write_reply=write_whole,
        reader=StreamIn,
        writer=StreamOut,
        says_broken=False,
    ),
    limit_headers=limit_headers.openai,
)
