"""OpenAI's older completions: one text is carried on."""

from pilothouse.domain.call import Operation
from pilothouse.protocols import limit_headers
from pilothouse.protocols.base import ChatCodec, Dialect
from pilothouse.protocols.json_body import needs_canonical, rewrite
from pilothouse.protocols.openai_chat.head import read_head
from pilothouse.protocols.openai_chat.reply import read_reply
from pilothouse.protocols.openai_completions.fold import fold
from pilothouse.protocols.openai_completions.replies import read_whole, write_whole
from pilothouse.protocols.openai_completions.request_in import read_request
from pilothouse.protocols.openai_completions.request_out import write_request
from pilothouse.protocols.openai_completions.scan import CompletionsScan
from pilothouse.protocols.openai_completions.stream_in import CompletionsIn
from pilothouse.protocols.openai_completions.stream_out import CompletionsOut
from pilothouse.protocols.openai_error import render_error, render_stream_error

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="openai_completions",
    operation=Operation.COMPLETION,
    path="/v1/completions",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    scan=CompletionsScan,
    fold=fold,
    asks_usage=True,
    codec=ChatCodec(
        read_request=read_request,
        write_request=write_request,
        read_reply=read_whole,
        write_reply=write_whole,
        reader=CompletionsIn,
        writer=CompletionsOut,
        says_broken=False,
    ),
    limit_headers=limit_headers.openai,
)
