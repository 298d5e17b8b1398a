"""A chat upstream that streams: `python -m bench.stream_server PORT CHUNKS GAP_S DIALECT`, the last `openai` or
`anthropic`.

Each delta carries the monotonic time at which it was written, so that a client in another process of the same machine
can tell how long it was on its way.
"""

import asyncio
import json
import sys
import time
from typing import cast

import httptools
import uvloop


class _Session(asyncio.Protocol):
    def __init__(self, chunks: int, gap_s: float, dialect: str) -> None:
        self._anthropic = dialect == "anthropic"
        self._chunks = chunks
        self._gap_s = gap_s
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task:
            self._task.cancel()

    def on_message_complete(self) -> None:
        self._task = asyncio.ensure_future(self._stream())

    async def _stream(self) -> None:
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        if self._anthropic:
            self._messages()
            return
        starts_at = time.perf_counter()
        for number in range(self._chunks):
            if self._gap_s:
                await asyncio.sleep(max(0.0, starts_at + number * self._gap_s - time.perf_counter()))
            self._event({"choices": [_choice({"content": f"{time.perf_counter_ns()} "}, None)]})
        self._event({"choices": [_choice({}, "stop")]})
        self._event(
            {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": self._chunks, "total_tokens": 0}}
        )
        self._write(b"data: [DONE]\n\n")
        self._transport.write(b"0\r\n\r\n")

    def _messages(self) -> None:
        """The whole stream at once, in Anthropic's grammar."""
        usage = {"input_tokens": 10, "output_tokens": self._chunks}
        about = {"id": "msg_bench", "type": "message", "role": "assistant", "model": "bench-model", "content": []}
        self._named("message_start", {"message": {**about, "usage": {"input_tokens": 10, "output_tokens": 1}}})
        self._named("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
        for number in range(self._chunks):
            delta = {"type": "text_delta", "text": f"word{number} "}
            self._named("content_block_delta", {"index": 0, "delta": delta})
        self._named("content_block_stop", {"index": 0})
        self._named("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage})
        self._named("message_stop", {})
        assert self._transport is not None
        self._transport.write(b"0\r\n\r\n")

    def _named(self, name: str, document: dict[str, object]) -> None:
        self._write(f"event: {name}\ndata: {json.dumps({'type': name, **document})}\n\n".encode())

    def _event(self, document: dict[str, object]) -> None:
        head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": "bench-model"}
        self._write(b"data: " + json.dumps({**head, **document}).encode() + b"\n\n")

    def _write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(b"%x\r\n%s\r\n" % (len(data), data))


def _choice(delta: dict[str, str], finish_reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


async def _serve(port: int, chunks: int, gap_s: float, dialect: str) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Session(chunks, gap_s, dialect), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
