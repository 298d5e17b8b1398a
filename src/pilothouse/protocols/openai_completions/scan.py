"""The light scan of a completions stream on its way through."""

from pilothouse.protocols.openai_chat.reply import read_reply
from pilothouse.protocols.openai_chat.scan import StreamScan


class CompletionsScan(StreamScan):
    """Splits the stream as chat's is; a chunk of a completion has the form of a whole one."""

    def _as_stream(self, body: bytes) -> bytes:
        """Return a whole completion as the one chunk of a stream; raises as `read_reply`."""
        found = read_reply(body)
        chunk = b"data: " + body.strip().replace(b"\n", b"").replace(b"\r", b"") + b"\n\n"
        return chunk if found.error is not None else chunk + b"data: [DONE]\n\n"
