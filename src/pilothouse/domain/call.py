"""One model call and the one record that it leaves behind, whatever happened."""

from enum import StrEnum

import msgspec

from pilothouse.domain.usage import Usage


class Operation(StrEnum):
    """What kind of answer was asked for; values follow OpenTelemetry's `gen_ai.operation.name`."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    COMPLETION = "text_completion"
    COUNT_TOKENS = "count_tokens"
    IMAGE = "image_generation"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    MODERATION = "moderation"
    RERANK = "rerank"
    OCR = "ocr"


class Outcome(StrEnum):
    """How a call ended; every call has exactly one."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """By the gateway, before any upstream attempt."""
    FAILED = "failed"
    """No attempt gave an answer."""
    CANCELLED = "cancelled"
    """The client went away first."""
    CUT = "cut"
    """The upstream broke off after the first byte of its answer."""


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One try at one upstream; times in nanoseconds from the start of the call."""

    account: str
    provider: str
    model: str
    """The name sent upstream."""
    started_ns: int = 0
    first_byte_ns: int | None = None
    ended_ns: int = 0
    status: int = 0
    """HTTP status, 0 when none came."""
    error_code: str = ""
    error_detail: str = ""
    upstream_request_id: str = ""


class CallRecord(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Everything that is kept of one call, as it goes through the spool.

    Bodies are the raw bytes in the caller's dialect; `response_body` of a streamed call is the server-sent events one
    after the other. Both are cut at the recording limit, which `request_size_bytes` and `response_size_bytes` reveal.

    Encoded without field names, a fifth smaller: a new field goes to the end and has a default, none is ever removed.
    """

    id: str
    """UUIDv7; also the caller's `x-request-id`."""
    trace_id: str
    span_id: str
    parent_span_id: str
    project_id: str
    """Empty when no key was recognised."""
    key_id: str
    started_at_ns: int
    duration_ns: int
    """0 for a line that a provider's batch service ran: nobody tells how long it took."""
    overhead_ns: int
    """Time in the gateway itself: the duration less the time spent waiting for upstream and client."""
    first_token_ns: int | None
    """From the start of the call to the first byte of content sent on; None when unstreamed or never reached."""
    last_token_ns: int | None
    outcome: Outcome
    status: int
    """HTTP status that the caller saw; 499 when it had gone."""
    error_code: str = ""
    error_detail: str = ""
    operation: Operation = Operation.CHAT
    dialect: str = "openai_chat"
    path: str = ""
    streamed: bool = False
    model_requested: str = ""
    model_served: str = ""
    """As the provider's answer names it."""
    account: str = ""
    provider: str = ""
    alias: str = ""
    """The alias that the requested name resolved through, if any."""
    usage: Usage | None = None
    usage_asked_for_caller: bool = False
    """The gateway asked the provider for usage and hid the extra chunk."""
    finish_reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    request_headers: dict[str, str] = {}
    """Without authorization, cookies or any other secret."""
    response_headers: dict[str, str] = {}
    request_body: bytes = b""
    response_body: bytes = b""
    request_size_bytes: int = 0
    response_size_bytes: int = 0
    user_id: str = ""
    session_id: str = ""
    environment: str = ""
    metadata: dict[str, str] = {}
    upstream_dialect: str = ""
    """What was spoken upstream, when the call had to be converted."""
    losses: tuple[str, ...] = ()
    """What of the request the provider could not take and so did not get: `field: reason`."""
    schema_check: str = ""
    """What came of checking a converted answer against the caller's schema: `kept`, or `broken` or `unchecked` with the
    reason; empty when there was nothing to check."""
    withheld_body: bytes = b""
    """A whole answer that the caller did not get, because it is off the schema."""
    fetched: tuple[str, ...] = ()
    """Images and documents that were fetched for the request: `host: type, bytes, time`, or why they were not."""
    batch_id: str = ""
    """The batch that the call was a line of."""
    redacted: dict[str, int] | None = None
    """How often each rule of the project's redaction policy found something; None where there is no policy."""
    whole: bool = False
    """`response_body` of a streamed call is the whole answer that the stream came to."""
    cut: tuple[str, ...] = ()
    """Which of `input` and `output` were cut, where their sizes cannot tell because they were redacted."""
    told_cost_usd: str = ""
    """What the caller was told that the call costs, as decimal digits; empty when it was told none."""
    told_price_version: str = ""
