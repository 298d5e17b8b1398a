"""The dialects that are passed through, one constant for each endpoint."""

from collections.abc import Callable

import msgspec

from pilothouse.domain.call import Operation
from pilothouse.protocols.base import Ask, Dialect, Reply
from pilothouse.protocols.openai_error import render_error, render_stream_error
from pilothouse.protocols.passed import form
from pilothouse.protocols.passed.head import needs_canonical, read_binary_head, read_head, rewrite
from pilothouse.protocols.passed.reply import read_images, read_json, read_rerank, read_text_or_json
from pilothouse.protocols.passed.scan import PassedScan, fold


def shown(body: bytes, ask: Ask) -> bytes:
    """Return the fields of a multipart request as JSON, without its files; any other body as it is."""
    if not ask.content_type.lower().startswith(b"multipart/"):
        return body
    fields = form.fields(body, form.boundary(ask.content_type))
    return msgspec.json.encode({field.name: field.value.decode("utf-8", "replace") for field in fields})


def _passed(
    name: str, operation: Operation, path: str, read_reply: Callable[[bytes], Reply], *, streams: bool = False
) -> Dialect:
    return Dialect(
        name=name,
        operation=operation,
        path=path,
        read_head=read_head,
        needs_canonical=needs_canonical,
        rewrite=rewrite,
        read_reply=read_reply,
        render_error=render_error,
        render_stream_error=render_stream_error,
        scan=PassedScan if streams else None,
        fold=fold if streams else None,
    )


def _form(dialect: Dialect) -> Dialect:
    return msgspec.structs.replace(dialect, multipart=True, shown=shown)


IMAGES = _passed("openai_images", Operation.IMAGE, "/v1/images/generations", read_images, streams=True)
IMAGE_EDITS = _form(_passed("openai_image_edits", Operation.IMAGE, "/v1/images/edits", read_images, streams=True))
SPEECH = msgspec.structs.replace(
    _passed("openai_speech", Operation.SPEECH, "/v1/audio/speech", read_json, streams=True),
    read_head=read_binary_head,
    binary=True,
)
TRANSCRIPTIONS = _form(
    _passed(
        "openai_transcriptions", Operation.TRANSCRIPTION, "/v1/audio/transcriptions", read_text_or_json, streams=True
    )
)
TRANSLATIONS = _form(
    _passed("openai_translations", Operation.TRANSCRIPTION, "/v1/audio/translations", read_text_or_json)
)
MODERATIONS = _passed("openai_moderations", Operation.MODERATION, "/v1/moderations", read_json)
JINA_RERANK = _passed("jina_rerank", Operation.RERANK, "/v1/rerank", read_rerank)
COHERE_RERANK = _passed("cohere_rerank", Operation.RERANK, "/v2/rerank", read_rerank)
