"""What the record needs of an answer that holds the pages of a document."""

from typing import Any

from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_error
from pilothouse.protocols.answer_body import SHOWN_BYTES, decode
from pilothouse.protocols.base import Reply
from pilothouse.protocols.loose import integer, mapping, objects, text


def read_reply(body: bytes) -> Reply:
    """Return what an answer tells; raises `UpstreamProtocol` when it holds no pages."""
    document = decode(body)
    error = openai_error.find_error(document, body) if "pages" not in document else None
    if error is not None:
        return Reply(error=error)
    if not isinstance(document.get("pages"), list):
        raise UpstreamProtocol("the provider's answer has no pages", upstream_status=200, body=body[:SHOWN_BYTES])
    return Reply(text(document.get("model")), _usage(document))


def _usage(document: dict[str, Any]) -> Usage | None:
    pages = integer(mapping(document.get("usage_info")).get("pages_processed"))
    if pages is None:
        return None
    if pages < 0:
        return Usage(pages=pages, inconsistent=True)
    return Usage(annotated_pages=pages) if _is_annotated(document) else Usage(pages=pages)


def _is_annotated(document: dict[str, Any]) -> bool:
    """Return whether the pages, or the pictures on them, were put into a schema, which costs more."""
    if document.get("document_annotation"):
        return True
    pictures = (image for page in objects(document.get("pages")) for image in objects(page.get("images")))
    return any(image.get("image_annotation") for image in pictures)
