"""Bodies of whole answers, as far as every dialect reads them alike."""

from typing import Any

import msgspec

from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import loose

SHOWN_BYTES = 65_536
"""So much of a body that is no answer is kept with the error."""


def decode(body: bytes) -> dict[str, Any]:
    """Return an answer's fields, none for JSON that is no object; raises `UpstreamProtocol` for what is no JSON."""
    try:
        document: Any = loose.ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocol(
            "the provider's answer is not JSON", upstream_status=200, body=body[:SHOWN_BYTES]
        ) from error
    return loose.mapping(document)
