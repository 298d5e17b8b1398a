"""Addresses of media, as dialects of OpenAI's kind have them: a `data:` one holds the thing itself."""

from pilothouse.domain.chat import Media
from pilothouse.errors import InvalidRequest

_DATA = "data:"
_BEGINNINGS = (
    ("iVBOR", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"),
    ("JVBER", "application/pdf"),
)  # fmt: skip


def sniffed(data: str) -> str:
    """Return the MIME type that the beginning of base64 tells; empty when it tells none."""
    return next((found for beginning, found in _BEGINNINGS if data.startswith(beginning)), "")


def media_of(address: str, param: str) -> Media:
    """Return what an address points to; raises `InvalidRequest` naming `param` for data in another coding."""
    if not address.startswith(_DATA):
        return Media(url=address)
    head, _, data = address.removeprefix(_DATA).partition(",")
    mime, _, coding = head.partition(";")
    if "base64" not in coding:
        raise InvalidRequest("a data: address must be base64", param=param)
    return Media(mime, data=data)


def address_of(media: Media) -> str:
    """Return the address of an image or a file."""
    return f"{_DATA}{media.mime_type};base64,{media.data}" if media.data else media.url
