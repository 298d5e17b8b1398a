"""Cohere's embeddings, in their second version."""

from pilothouse.domain.call import Operation
from pilothouse.protocols.base import Dialect, EmbeddingsCodec
from pilothouse.protocols.cohere_chat.errors import render_error, render_stream_error
from pilothouse.protocols.cohere_embeddings import codec
from pilothouse.protocols.cohere_embeddings.head import read_head, read_reply
from pilothouse.protocols.json_body import needs_canonical
from pilothouse.protocols.openai_embeddings.head import rewrite

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name=codec.NAME,
    operation=Operation.EMBEDDINGS,
    path="/v2/embed",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    codec=EmbeddingsCodec(
        read_request=codec.read_request,
        write_request=codec.write_request,
        read_reply=codec.read_vectors,
        write_reply=codec.write_vectors,
    ),
)
