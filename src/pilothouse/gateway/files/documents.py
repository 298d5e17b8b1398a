"""Files and lists as OpenAI's API writes them, and what its queries say."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pilothouse.domain.files import File
from pilothouse.errors import InvalidRequest

_SECOND_NS = 1_000_000_000


def seconds(at_ns: int | None) -> int | None:
    """Return a time in whole seconds since the epoch."""
    return None if at_ns is None else at_ns // _SECOND_NS


def file_document(file: File) -> dict[str, Any]:
    """Return a file object."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size_bytes,
        "created_at": seconds(file.created_at_ns),
        "expires_at": seconds(file.expires_at_ns),
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def page_document(documents: Sequence[Mapping[str, Any]], limit: int) -> bytes:
    """Return a page out of the first `limit` documents; one more tells that there are more."""
    shown = documents[:limit]
    return msgspec.json.encode(
        {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": len(documents) > limit,
        }
    )


def page_limit(query: Mapping[str, str], default: int, most: int) -> int:
    """Return how many things a query asks for; raises `InvalidRequest`."""
    text = query.get("limit", "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= most:
        raise InvalidRequest(f"'limit' is a number from 1 to {most}", param="limit")
    return int(text)
