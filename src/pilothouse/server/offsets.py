"""Pages of lists that the metadata database walks through by number; to callers their cursor is opaque."""

import base64
import binascii

from pilothouse.errors import InvalidRequest
from pilothouse.server.queries import Paging


def offset_of(page: Paging) -> int:
    """Return how many things come before the page; raises `InvalidRequest` for a cursor that no list gave."""
    if not page.cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(page.cursor.encode()).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise InvalidRequest("`cursor` is not one that this list gave.", param="cursor")
    return int(text)


def cursor_after(page: Paging, count: int, total: int) -> str | None:
    """Return the cursor of the page after one with `count` things, None when it was the last."""
    following = offset_of(page) + count
    return base64.urlsafe_b64encode(str(following).encode()).decode() if count and following < total else None
