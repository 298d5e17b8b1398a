"""Opaque marks of other vendors in the one opaque field that this dialect has, `encrypted_content`."""

import msgspec

from pilothouse.domain.chat import Reasoning
from pilothouse.protocols import marks
from pilothouse.protocols.openai_responses.wire import VENDOR


def pack(part: Reasoning) -> str:
    """Return what stands in `encrypted_content`; empty when the thought has no mark."""
    if part.vendor in ("", VENDOR):
        return part.redacted or part.signature
    return marks.pack(part)


def unpack(part: Reasoning, content: str) -> Reasoning:
    """Return the thought with the mark that `encrypted_content` holds, of whoever it is."""
    if not content:
        return part
    if not marks.is_packed(content):
        return msgspec.structs.replace(part, redacted=content, vendor=VENDOR)
    found = marks.unpack(part, content)
    if found is part:
        return part
    # The signature is over the thought's own text, which was shown as a summary where the caller asked for one.
    return msgspec.structs.replace(found, text=part.text or "\n\n".join(part.summary), summary=(), id="")
