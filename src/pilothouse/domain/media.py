"""Media: pictures, sound and documents beside traces and items, known by their content."""

import msgspec

_SHOWN_INLINE = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "audio/", "video/")
MEDIA_PIECE_BYTES = 1024 * 1024
"""All pieces of a body but the last have this size."""
MEDIA_ID_CHARS = 22
"""Of an id, all of them of the URL-safe base64."""
ATTACHED = "attachment."


class Media(msgspec.Struct, frozen=True, kw_only=True):
    """One body, kept once in a project however often it is sent."""

    id: str
    project_id: str
    sha256: str
    """64 hexadecimal digits."""
    content_type: str
    size_bytes: int
    complete: bool = False
    """False before its whole body has come and was found to be what was announced."""
    created_at_ns: int
    uploaded_at_ns: int | None = None

    @property
    def disposition(self) -> str:
        """Say whether a browser may show it in place: what it would run is only ever saved to a file."""
        return "inline" if self.content_type.startswith(_SHOWN_INLINE) else "attachment"


class MediaLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where one stands."""

    project_id: str
    trace_id: str
    """32 hexadecimal digits."""
    span_id: str = ""
    """Empty when it is of the trace as a whole."""
    field: str
    """`input`, `output` or `metadata`; of a file that stands beside them `ATTACHED` and its name."""
    media_id: str

    @property
    def file_name(self) -> str:
        """The name of a file that stands beside the fields; empty of what stands in one."""
        return self.field.partition(ATTACHED)[2]
