"""What the record needs of answers that are only passed through."""

from typing import Any, cast

import msgspec

from pilothouse.domain.usage import Usage
from pilothouse.errors import UpstreamProtocol
from pilothouse.protocols import openai_error
from pilothouse.protocols.answer_body import SHOWN_BYTES, decode
from pilothouse.protocols.base import Reply


def usage(raw: Any) -> Usage | None:
    """Return the usage of any of the forms that these answers have; None when there is none.

    Tokens by modality (pictures, speech), `seconds` (transcriptions), `total_tokens` alone (rerank in Jina's form).
    """
    if not isinstance(raw, dict):
        return None
    found = cast("dict[str, Any]", raw)
    if found.get("type") == "duration":
        seconds = found.get("seconds")
        return Usage(audio_s=float(seconds)) if isinstance(seconds, int | float) else None
    into, out = _count(found, "input_tokens", "prompt_tokens"), _count(found, "output_tokens", "completion_tokens")
    if into is None and out is None:
        total = _count(found, "total_tokens")
        return None if total is None else Usage(total)
    return _by_modality(found, into or 0, out or 0)


def read_json(body: bytes) -> Reply:
    """Return what a JSON answer tells; raises `UpstreamProtocol` when it is none."""
    return _read(_decode(body))


def read_images(body: bytes) -> Reply:
    """Return what an answer with pictures tells; raises `UpstreamProtocol` when it holds none."""
    document = _decode(body)
    reply = _read(document)
    if reply.error is not None:
        return reply
    data = document.get("data")
    if not isinstance(data, list):
        raise UpstreamProtocol("the provider's answer has no pictures", upstream_status=200, body=body[:SHOWN_BYTES])
    count = len(cast("list[Any]", data))
    return Reply(reply.model, msgspec.structs.replace(reply.usage or Usage(), images=count))


def read_text_or_json(body: bytes) -> Reply:
    """Return what a transcription tells, which may be JSON or, if the caller asked for it, plain text."""
    begin = body.lstrip()[:1]
    if begin and begin not in b"{<":
        return Reply()
    return read_json(body)


def read_rerank(body: bytes) -> Reply:
    """Return what a rerank answer of either form tells; raises `UpstreamProtocol` when it holds no results."""
    document = _decode(body)
    reply = _read(document)
    if reply.error is not None:
        return reply
    if not isinstance(document.get("results"), list):
        raise UpstreamProtocol("the provider's answer has no results", upstream_status=200, body=body[:SHOWN_BYTES])
    meta = document.get("meta")
    billed: Any = cast("dict[str, Any]", meta).get("billed_units") if isinstance(meta, dict) else None
    units = _count(cast("dict[str, Any]", billed), "search_units") if isinstance(billed, dict) else None
    return (
        reply if units is None else Reply(reply.model, msgspec.structs.replace(reply.usage or Usage(), searches=units))
    )


def _read(document: dict[str, Any]) -> Reply:
    found = openai_error.find_error(document, msgspec.json.encode(document)) if "error" in document else None
    if found is not None:
        return Reply(error=found)
    model = document.get("model")
    return Reply(model if isinstance(model, str) else "", usage(document.get("usage")))


def _decode(body: bytes) -> dict[str, Any]:
    document = decode(body)
    if not document:
        raise UpstreamProtocol("the provider's answer is empty", upstream_status=200, body=body[:SHOWN_BYTES])
    return document


def _by_modality(found: dict[str, Any], into: int, out: int) -> Usage:
    ins = _details(found, "input_tokens_details", "input_token_details")
    outs = _details(found, "output_tokens_details", "output_token_details")
    images_in, audio_in = _count(ins, "image_tokens") or 0, _count(ins, "audio_tokens") or 0
    images_out, audio_out = _count(outs, "image_tokens") or 0, _count(outs, "audio_tokens") or 0
    wrong = min(into, out, images_in, audio_in, images_out, audio_out) < 0
    wrong = wrong or images_in + audio_in > into or images_out + audio_out > out
    text_in, text_out = (into, out) if wrong else (into - images_in - audio_in, out - images_out - audio_out)
    return Usage(
        text_in, input_audio_tokens=audio_in, input_image_tokens=images_in, output_tokens=text_out,
        output_audio_tokens=audio_out, output_image_tokens=images_out, inconsistent=wrong,
    )  # fmt: skip


def _details(found: dict[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        value = found.get(name)
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return {}


def _count(found: dict[str, Any], *names: str) -> int | None:
    for name in names:
        value = found.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None
