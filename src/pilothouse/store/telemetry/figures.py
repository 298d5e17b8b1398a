"""Expressions over the columns of one span that many figures are made of."""

RATE = (
    "if(streamed AND first_token_ns IS NOT NULL AND last_token_ns > first_token_ns AND output_total > 1,"
    " (output_total - 1) * 1e9 / (last_token_ns - first_token_ns), NULL)"
)
"""Output tokens per second of one span between its first and its last token."""
INPUT_BUCKETS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens",
    "input_image_tokens",
)  # fmt: skip
OUTPUT_BUCKETS = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")
INPUT_TOTAL = f"({' + '.join(INPUT_BUCKETS)})"
OUTPUT_TOTAL = f"({' + '.join(OUTPUT_BUCKETS)})"
COUNTED = "(is_call AND NOT wrapper)"
"""A model call that no other span reports once more."""
UNPRICED = "cost_status IN ('unpriced', 'inconsistent')"
FIRST = (
    "(bitShiftLeft(toUInt256(toUnixTimestamp64Nano(started_at)), 128)"
    " + reinterpretAsUInt128(reverse(rightPad(substring(span_id, 1, 16), 16))))"
)
"""Orders spans by start and then by id, as a number: the engine compares tuples three times slower. Ids count by their
first 16 letters."""
ROOT_FIRST = f"(bitShiftLeft(toUInt256(parent_span_id != ''), 192) + {FIRST})"
"""The same behind those without a parent."""
