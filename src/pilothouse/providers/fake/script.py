"""What the fake provider does with a request: one frozen value each, and a table of the usual ones by name."""

from typing import Literal

import msgspec

from pilothouse.errors import SettingsInvalid

DEFAULT_TEXT = "Hello from the fake provider."
WIDE_TEXT = "Grüße, 世界 🌍 – line\u2028separator, next\u0085line, e\u0301."

UsageMode = Literal["asked", "always", "last_chunk", "every_chunk", "missing"]
Fault = Literal["", "hang", "close", "reset", "garbage", "half_head"]


class ToolCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call of the answer."""

    name: str
    arguments: str = "{}"
    id: str = ""
    """Empty makes one up."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, cache_hash=True):
    """One answer. Every field has a default that a well-behaved server would show; counts `k` are content chunks."""

    # What it says
    text: str | None = None
    """None gives a short text, or `tok0 tok1 …` when `chunks` is set."""
    echo: bool = False
    """Answer with the last message of the request."""
    size_bytes: int = 0
    """Fill the text up to this size."""
    reasoning: str = ""
    signature: str | None = None
    """The mark on reasoning; None is a fixed one of the vendor, empty leaves it out. OpenAI's chat has none."""
    redacted: str = ""
    """Reasoning that only its vendor can read, where the dialect has such a thing."""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_index: Literal["right", "zero", "missing"] = "right"
    """How a stream numbers parallel calls."""
    finish_reason: str = ""
    """In OpenAI's words, put into those of the dialect; empty chooses `stop` or `tool_calls`, `none` leaves it out."""
    model: str = ""
    """The name the answer gives; empty gives back the requested one."""
    id: str = ""
    """Of a response (Responses API); empty gives the usual one."""

    # Status and head
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_date_s: float = 0
    """Adds `retry-after` as an HTTP date that far from now."""
    huge_header_bytes: int = 0
    content_type: str = ""
    body: str | None = None
    """Sent as it is in place of a rendered answer."""
    error_message: str = ""
    """Sends an error in the form of the dialect, also with status 200."""
    error_type: str = "invalid_request_error"
    error_code: str | None = None
    error_param: str | None = None

    # Usage
    usage: UsageMode = "asked"
    """When a stream carries usage; `asked` is OpenAI's rule: a chunk of its own, when the request asks for it."""
    prompt_tokens: int = 10
    """All input; cached and cache-written tokens are among them, wherever the dialect counts them."""
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int | None = None
    """None counts the content chunks."""
    reasoning_tokens: int = 0

    # Stream
    chunks: int = 0
    """Number of content chunks; 0 makes one of each word."""
    opening: bool = True
    """Whether a chunk with the role comes first."""
    done: bool = True
    """Whether `[DONE]` comes last, or Anthropic's `message_stop`; the streams of others end without such a word."""
    crlf: bool = False
    pings: bool = False
    """A comment before every chunk."""
    tight: bool = False
    """`data:` without a blank after it."""
    whole: bool = False
    """Answer a streamed request with one JSON body."""
    error_after: int | None = None
    """Send the error object after `k` chunks, and then nothing but the end."""
    error_event: bool = False
    """Name that event `error`."""
    stall_after: int | None = None
    """Go silent after `k` chunks and keep the connection."""
    cut_after: int | None = None
    """Close the connection after `k` chunks."""
    cut_mid_frame: bool = False
    """Cut in the middle of the next chunk."""

    # Timing and pieces
    first_byte_s: float = 0
    """Wait before the head."""
    gap_s: float = 0
    """Wait before every chunk of a stream."""
    piece_bytes: int = 0
    """Write the body in pieces of this size, each on its own turn of the event loop."""
    split_utf8: bool = False
    """Write every chunk in two pieces, parted inside a character where it has a wide one."""

    # Broken HTTP
    fault: Fault = ""
    """In place of any answer."""
    content_length: Literal["right", "long", "short", "twice"] = "right"
    """`long` announces more than comes before the close, `short` less, `twice` two different lengths."""
    framing: Literal["chunked", "close", "length"] = "chunked"
    """How the end of a stream is told."""
    then_close: bool = False
    """Close after the answer without having said so."""


def _error(status: int, kind: str, code: str | None, message: str, **headers: str) -> Answer:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status=status, error_type=kind, error_code=code, error_message=message, headers=pairs)


def _limited(**headers: str) -> Answer:
    return _error(429, "requests", "rate_limit_exceeded", "Rate limit reached.", **headers)


_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"


def _html(status: int, title: str) -> Answer:
    return Answer(status=status, content_type="text/html", body=_HTML.format(f"{status} {title}"))


BEHAVIOURS: dict[str, Answer] = {
    "normal": Answer(),
    "echo": Answer(echo=True),
    "long": Answer(chunks=200),
    "big": Answer(size_bytes=1_000_000),
    "tools": Answer(
        tool_calls=(
            ToolCall("get_weather", '{"city":"Zürich","days":3}'),
            ToolCall("get_time", '{"zone":"Europe/Zurich"}'),
        )
    ),
    "tools-index-zero": Answer(tool_calls=(ToolCall("a", '{"x":1}'), ToolCall("b", '{"y":2}')), tool_index="zero"),
    "tools-no-index": Answer(tool_calls=(ToolCall("a", '{"x":1}'), ToolCall("b", '{"y":2}')), tool_index="missing"),
    "reasoning": Answer(reasoning="The user greets, so greet back.", reasoning_tokens=7, completion_tokens=12),
    "refusal": Answer(refusal="I cannot help with that.", text=""),
    "slow": Answer(first_byte_s=0.5, gap_s=0.05),
    "slow-stream": Answer(chunks=20, gap_s=0.1),
    "slow-first-byte": Answer(first_byte_s=2.0),
    "drip": Answer(piece_bytes=1),
    "split-utf8": Answer(text=WIDE_TEXT, split_utf8=True),
    "crlf": Answer(crlf=True),
    "pings": Answer(pings=True),
    "tight": Answer(tight=True),
    "usage-own-chunk": Answer(usage="always"),
    "usage-last-chunk": Answer(usage="last_chunk"),
    "usage-every-chunk": Answer(usage="every_chunk"),
    "usage-missing": Answer(usage="missing"),
    "usage-contradictory": Answer(prompt_tokens=5, cached_tokens=9),
    "no-done": Answer(done=False),
    "no-finish": Answer(done=False, finish_reason="none"),
    "whole": Answer(whole=True),
    "stall": Answer(chunks=10, stall_after=3),
    "stall-first": Answer(chunks=10, stall_after=0),
    "cut": Answer(chunks=10, cut_after=3),
    "cut-first": Answer(chunks=10, cut_after=0, opening=False),
    "cut-mid-frame": Answer(chunks=10, cut_after=3, cut_mid_frame=True),
    "error-in-stream": Answer(chunks=10, error_after=3, error_type="server_error", error_message="The engine failed."),
    "error-first": Answer(chunks=10, error_after=0, error_type="server_error", error_message="The engine failed."),
    "error-event": Answer(
        chunks=10, error_after=3, error_event=True, error_type="overloaded_error", error_message="Overloaded."
    ),
    "error-in-200": Answer(error_type="server_error", error_message="The engine failed."),
    "429": _limited(),
    "429-seconds": _limited(retry_after="7"),
    "429-date": Answer(
        status=429,
        error_type="requests",
        error_code="rate_limit_exceeded",
        error_message="Rate limit reached.",
        retry_after_date_s=7,
    ),
    "429-ms": _limited(retry_after_ms="1500", retry_after="2"),
    "429-reset": _limited(
        x_ratelimit_limit_requests="60", x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="1m2s"
    ),
    "400": _error(400, "invalid_request_error", None, "Invalid value for 'temperature'."),
    "401": _error(401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    "402": _error(402, "insufficient_quota", "insufficient_quota", "Insufficient credits."),
    "403": _error(403, "permission_error", None, "Your account may not use this model."),
    "404": _error(404, "invalid_request_error", "model_not_found", "The model does not exist."),
    "413": _error(413, "invalid_request_error", None, "Request too large."),
    "500": _error(500, "server_error", None, "The server had an error."),
    "503": _error(503, "server_error", None, "The engine is starting."),
    "529": _error(529, "overloaded_error", None, "Overloaded."),
    "context-length": Answer(
        status=400,
        error_code="context_length_exceeded",
        error_param="messages",
        error_message="This model's maximum context length is 8192 tokens.",
    ),
    "content-policy": _error(400, "invalid_request_error", "content_filter", "Filtered by the content policy."),
    "billing": _error(429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    "html-500": _html(500, "Internal Server Error"),
    "html-502": _html(502, "Bad Gateway"),
    "html-200": _html(200, "Welcome"),
    "redirect": Answer(status=307, headers=(("location", "http://127.0.0.1:1/v1/chat/completions"),), body=""),
    "huge-headers": Answer(huge_header_bytes=1_000_000),
    "length-long": Answer(content_length="long"),
    "length-short": Answer(content_length="short"),
    "length-twice": Answer(content_length="twice"),
    "then-close": Answer(then_close=True),
    "hang": Answer(fault="hang"),
    "close": Answer(fault="close"),
    "reset": Answer(fault="reset"),
    "garbage": Answer(fault="garbage"),
    "half-head": Answer(fault="half_head"),
}
"""The usual behaviours. A model name `fake-<name>` or a header `x-fake-script: <name>` asks for one by request."""

MODELS: tuple[str, ...] = ("fake-chat", "fake-embed", *(f"fake-{name}" for name in BEHAVIOURS))

_DECODER = msgspec.json.Decoder(Answer)


def parse(text: str | bytes) -> Answer:
    """Return the behaviour that a name or a JSON object of `Answer` fields stands for; raises `SettingsInvalid`."""
    raw = text.encode() if isinstance(text, str) else text
    known = BEHAVIOURS.get(raw.decode("latin-1").strip())
    if known is not None:
        return known
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        raise SettingsInvalid(f"no such fake behaviour: {error}") from error


def by_model(model: str) -> Answer | None:
    """Return the behaviour that a model name asks for, an account in front or not; None when it asks for none."""
    _, marker, name = model.rpartition("fake-")
    return BEHAVIOURS.get(name) if marker else None
