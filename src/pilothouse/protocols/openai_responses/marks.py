"""Opaque marks of other vendors in the one opaque field that this dialect has.

A caller of this dialect gives `encrypted_content` back as it came. The mark of another vendor's thought is put there
with a prefix that tells whose it is, so that a conversation with that vendor's model can go on; it never reaches
OpenAI.
"""

import msgspec

from pilothouse.domain.chat import Reasoning
from pilothouse.protocols.openai_responses.wire import VENDOR

PREFIX = "pilothouse:"
_SIGNATURE, _REDACTED = "signature", "redacted"
_FIELDS = 3


def pack(part: Reasoning) -> str:
    """Return what stands in `encrypted_content`; empty when the thought has no mark."""
    mark = part.redacted or part.signature
    if not mark or part.vendor in ("", VENDOR):
        return mark
    return f"{PREFIX}{part.vendor}:{_REDACTED if part.redacted else _SIGNATURE}:{mark}"


def unpack(part: Reasoning, content: str) -> Reasoning:
    """Return the thought with the mark that `encrypted_content` holds, of whoever it is."""
    if not content:
        return part
    if not content.startswith(PREFIX):
        return msgspec.structs.replace(part, redacted=content, vendor=VENDOR)
    told = content.removeprefix(PREFIX).split(":", _FIELDS - 1)
    if len(told) != _FIELDS:
        return part
    vendor, kind, mark = told
    # The signature is over the thought's own text, which was shown as a summary where the caller asked for one.
    whole = msgspec.structs.replace(part, text=part.text or "\n\n".join(part.summary), summary=(), vendor=vendor, id="")
    if kind == _REDACTED:
        return msgspec.structs.replace(whole, redacted=mark)
    return msgspec.structs.replace(whole, signature=mark)
