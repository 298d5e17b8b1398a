"""Gemini's embedContent and batchEmbedContents."""

from pilothouse.domain.call import Operation
from pilothouse.protocols.base import Dialect, EmbeddingsCodec
from pilothouse.protocols.gemini.errors import render_error, render_stream_error
from pilothouse.protocols.gemini_embeddings import codec
from pilothouse.protocols.gemini_embeddings.head import read_head, read_reply, rewrite
from pilothouse.protocols.heads import never_canonical

__all__ = ["CODEC", "DIALECT", "read_head", "read_reply", "rewrite"]

CODEC = EmbeddingsCodec(
    read_request=codec.read_request,
    write_request=codec.write_request,
    read_reply=codec.read_vectors,
    write_reply=codec.write_vectors,
)

DIALECT = Dialect(
    name=codec.NAME,
    operation=Operation.EMBEDDINGS,
    path="/v1beta/models/{model}:embedContent",
    read_head=read_head,
    needs_canonical=never_canonical,
    rewrite=rewrite,
    read_reply=read_reply,
    render_error=render_error,
    render_stream_error=render_stream_error,
    codec=CODEC,
)
