"""Images and documents that a request names by their address, for a target that takes bytes only."""

import base64
from collections.abc import Mapping, Sequence

import msgspec

from pilothouse.domain.chat import ChatRequest, Document, Image, Media, Part
from pilothouse.domain.facts import Loss
from pilothouse.protocols.request_parts import mapped, parts_of

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
PAPERS = frozenset({"application/pdf"})
_SNIFFED = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)
HEAD_BYTES = 12
"""So many bytes tell what a file is."""


class Wanted(msgspec.Struct, frozen=True):
    """Something to be fetched, so that the target can be given its bytes."""

    field: str
    """Where in the request it is asked for first."""
    address: str
    kinds: frozenset[str]
    """MIME types that will do."""


def kind_of(head: bytes) -> str:
    """Return the MIME type of a file that begins so; empty for one that no target takes."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _SNIFFED if head.startswith(mark)), "")


def media_of(kind: str, data: bytes) -> Media:
    """Return what was fetched as media of a request."""
    return Media(kind, data=base64.b64encode(data).decode())


def wanted(request: ChatRequest, losses: Sequence[Loss]) -> tuple[Wanted, ...]:
    """Return what would have to be fetched for the losses to go away, each address once."""
    fields = {loss.address: loss.field for loss in reversed(losses) if loss.address} if losses else {}
    if not fields:
        return ()
    kinds: dict[str, frozenset[str]] = {}

    for part in parts_of(request):
        if isinstance(part, Image | Document) and part.media.url in fields:
            fit = PICTURES if isinstance(part, Image) else PAPERS
            kinds[part.media.url] = kinds.get(part.media.url, fit) & fit
    return tuple(Wanted(fields[address], address, fit) for address, fit in kinds.items())


def filled(request: ChatRequest, found: Mapping[str, Media]) -> ChatRequest:
    """Return the request with the bytes of what was found in place of its addresses."""

    def fill(part: Part) -> Part:
        if isinstance(part, Image | Document) and part.media.url in found:
            return msgspec.structs.replace(part, media=found[part.media.url])
        return part

    return mapped(request, fill)
