"""Files beside runs: kept once for each content, linked to where they stand, and given back with the run."""

from collections.abc import Callable
from typing import Any

import msgspec

from pilothouse.compat.langsmith import ids
from pilothouse.compat.langsmith.multipart import Fault
from pilothouse.compat.langsmith.runs import ATTACHMENT, Operation, traced
from pilothouse.domain.media import ATTACHED, MediaLink
from pilothouse.errors import BodyTooLarge, InvalidRequest
from pilothouse.otlp.values import loaded
from pilothouse.protocols.loose import integer, mapping, scalar
from pilothouse.registry.library import Library

_MOST_NAME_CHARS = 200

AddressOf = Callable[[str, str], str]
"""Gives the address of a body by the medium's id and its SHA-256."""


async def keep(library: Library, project_id: str, operation: Operation, faults: list[Fault]) -> Operation:
    """Return an operation whose attachments are durable; one that is not taken is told of, and only noted."""
    notes: dict[str, dict[str, Any]] = {}
    trace = traced(operation) or operation.trace_id or operation.run_id
    for name, held in operation.attachments.items():
        noted: dict[str, Any] = {"content_type": held.content_type, "size_bytes": len(held.body)}
        link = MediaLink(
            project_id=project_id, trace_id=ids.trace_id(trace), span_id=ids.span_id(operation.run_id),
            field=f"{ATTACHED}{name[:_MOST_NAME_CHARS]}", media_id="",
        )  # fmt: skip
        try:
            media = await library.media.keep(project_id, held.body, held.content_type, link)
        except (BodyTooLarge, InvalidRequest) as error:
            faults.append(Fault(f"attachment.{operation.run_id}.{name[:100]}", error.detail))
        else:
            noted |= {"media_id": media.id, "sha256": media.sha256}
        notes[name] = noted
    return msgspec.structs.replace(operation, notes=notes)


def shown(attributes: dict[str, str], address_of: AddressOf) -> dict[str, dict[str, Any]]:
    """Return the attachments of a run as SDKs look for them; of one whose body is not here nothing is said."""
    found: dict[str, dict[str, Any]] = {}
    for key, text in attributes.items():
        noted = mapping(loaded(text)) if key.startswith(ATTACHMENT) else {}
        media_id, sha256 = scalar(noted.get("media_id")), scalar(noted.get("sha256"))
        if media_id and sha256:
            found[f"attachment.{key.removeprefix(ATTACHMENT)}"] = {
                "presigned_url": address_of(media_id, sha256),
                "mime_type": scalar(noted.get("content_type")) or None,
                "size_bytes": integer(noted.get("size_bytes")),
            }
    return found
