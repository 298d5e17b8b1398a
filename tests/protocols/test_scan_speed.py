"""The stream scan's budget, against another parser so that the machine's own speed does not matter."""

import json
import timeit
from collections.abc import Callable

from pilothouse.protocols.openai_chat import StreamScan

EVENT = (
    b'data: {"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion.chunk","created":1700000000,'
    b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_abcdef0123","choices":[{"index":0,'
    b'"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"abcdef"}\n\n'
)


def test_a_typical_event_is_cheaper_to_scan_than_to_decode() -> None:
    scan = StreamScan(hide_usage=True)
    scan.feed(EVENT)
    data = EVENT[6:-2]
    assert _best_s(lambda: scan.feed(EVENT)) < _best_s(lambda: json.loads(data))


def _best_s(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=500, repeat=9))
