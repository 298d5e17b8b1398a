"""OpenAI embeddings."""

from pilothouse.domain.call import Operation
from pilothouse.protocols import limit_headers
from pilothouse.protocols.base import Dialect, EmbeddingsCodec
from pilothouse.protocols.json_body import needs_canonical
from pilothouse.protocols.openai_embeddings.codec import read_request, read_vectors, write_request, write_vectors
from pilothouse.protocols.openai_embeddings.head import EmbeddingsHead, read_head, read_reply, rewrite
from pilothouse.protocols.openai_error import render_error, render_stream_error

__all__ = ["DIALECT", "EmbeddingsHead", "needs_canonical", "read_head", "read_reply", "render_error", "rewrite"]

DIALECT = Dialect(
    name="openai_embeddings",
    operation=Operation.EMBEDDINGS,
    path="/v1/embeddings",
    read_head=read_head,
    needs_canonical=needs_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    codec=EmbeddingsCodec(
        read_request=read_request,
        write_request=write_request,
        read_reply=read_vectors,
        write_reply=write_vectors,
    ),
    limit_headers=limit_headers.openai,
)
