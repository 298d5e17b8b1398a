"""OpenAI's images, speech, transcriptions and moderations."""

import base64
import struct
import zlib
from email import message_from_bytes
from typing import Any

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.providers.fake import plan, render, said
from pilothouse.providers.fake.http import Request
from pilothouse.providers.fake.plan import Frame, Plan
from pilothouse.providers.fake.said import Asked
from pilothouse.providers.fake.script import Answer

_AUDIO = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip
_CATEGORIES = ("harassment", "hate", "illicit", "self-harm", "sexual", "violence")
_BLOCK = 2400


class _Image(msgspec.Struct):
    prompt: str
    model: str = "dall-e-2"
    n: int | None = None


class _Speech(msgspec.Struct):
    model: str
    input: str
    voice: Any
    response_format: str = "mp3"
    stream_format: str = "audio"


class _Moderation(msgspec.Struct):
    input: str | list[Any]
    model: str = "omni-moderation-latest"


def read_image(request: Request) -> Asked:
    """Return what a request for images asks for; raises `msgspec.DecodeError`."""
    body = msgspec.json.decode(request.body, type=_Image)
    return Asked(model=body.model, n=body.n or 1)


def read_edit(request: Request) -> Asked:
    """Return what a form with an image asks for; raises `SettingsInvalid`."""
    fields = _form(request, "image")
    return Asked(model=fields.get("model", ""), n=int(fields.get("n", "1")))


def images(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of images, each a picture of one red dot."""
    picture = base64.b64encode(_png()).decode()
    usage = {
        "input_tokens": scripted.prompt_tokens,
        "input_tokens_details": {"text_tokens": scripted.prompt_tokens, "image_tokens": 0},
        "output_tokens": scripted.completion_tokens or 0,
        "total_tokens": scripted.prompt_tokens + (scripted.completion_tokens or 0),
    }
    content: dict[str, Any] = {"created": render.CREATED, "data": [{"b64_json": picture}] * asked.n}
    more = {"output_format": "png", "quality": "low", "size": "1024x1024"}
    return render.document(scripted, content | more | ({} if scripted.usage == "missing" else {"usage": usage}))


def read_speech(request: Request) -> Asked:
    """Return what a request for speech asks for; raises `SettingsInvalid` or `msgspec.DecodeError`."""
    body = msgspec.json.decode(request.body, type=_Speech)
    if body.response_format not in _AUDIO:
        raise SettingsInvalid(f"Invalid value: '{body.response_format}'.")
    return Asked(model=body.model, streamed=body.stream_format == "sse", variant=body.response_format)


def speech(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of a sound in chunks, or of events that carry it; only WAV is a sound that can be played."""
    if said.failed(scripted):
        return plan.whole(scripted, render.error_body(scripted))
    count = scripted.chunks or 4
    sound = _wav(count) if asked.variant == "wav" else _noise(count)
    pieces = [sound[start : start + _BLOCK] for start in range(0, len(sound), _BLOCK)]
    if not asked.streamed:
        frames = [Frame(piece, counts=True) for piece in pieces]
        return plan.stream(scripted, frames, lambda: b"", _AUDIO[asked.variant or "mp3"])
    frames = [
        Frame(
            plan.event(scripted, {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}), counts=True
        )
        for piece in pieces
    ]
    frames.append(Frame(plan.event(scripted, {"type": "speech.audio.done", "usage": _tokens(scripted, "")})))
    return plan.stream(scripted, frames, lambda: render.error_event(scripted))


def read_transcription(request: Request) -> Asked:
    """Return what a form with a sound asks for; raises `SettingsInvalid`."""
    fields = _form(request, "file")
    if "model" not in fields:
        raise SettingsInvalid("you must provide a model parameter")
    streamed = fields.get("stream", "") == "true"
    return Asked(model=fields["model"], streamed=streamed, variant=fields.get("response_format", "json"))


def transcriptions(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of a transcript."""
    if said.failed(scripted):
        return plan.whole(scripted, render.error_body(scripted))
    text = said.text(scripted, asked)
    if asked.streamed:
        frames = [
            Frame(plan.event(scripted, {"type": "transcript.text.delta", "delta": part}), counts=True)
            for part in said.parts(scripted, text)
        ]
        done = {"type": "transcript.text.done", "text": text, "usage": {"type": "tokens", **_tokens(scripted, text)}}
        return plan.stream(scripted, [*frames, Frame(plan.event(scripted, done))], lambda: render.error_event(scripted))
    if asked.variant in ("text", "srt", "vtt"):
        stamped = {"text": text, "srt": f"1\n00:00:00,000 --> 00:00:01,500\n{text}\n"}
        shown = stamped.get(asked.variant, f"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n{text}\n")
        return plan.whole(scripted, f"{shown}\n".encode(), "text/plain; charset=utf-8")
    content: dict[str, Any] = {"text": text, "usage": {"type": "tokens", **_tokens(scripted, text)}}
    if asked.variant == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": 1.5, "text": text}
        usage = {"type": "duration", "seconds": 2}
        content |= {"task": "transcribe", "language": "english", "duration": 1.5, "segments": [segment], "usage": usage}
    return plan.whole(scripted, plan.ENCODER.encode(content))


def read_moderation(request: Request) -> Asked:
    """Return what is to be judged; raises `msgspec.DecodeError`."""
    body = msgspec.json.decode(request.body, type=_Moderation)
    texts = [body.input] if isinstance(body.input, str) else [str(item) for item in body.input]
    return Asked(model=body.model, texts=tuple(texts))


def moderations(scripted: Answer, asked: Asked) -> Plan:
    """Return the plan of judgements; a script with a refusal finds everything violent."""
    flagged = bool(scripted.refusal)
    result = {
        "flagged": flagged,
        "categories": {name: flagged and name == "violence" for name in _CATEGORIES},
        "category_scores": {name: 0.9 if flagged and name == "violence" else 0.01 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    model = scripted.model or asked.model
    return render.document(scripted, {"id": "modr-fake", "model": model, "results": [result] * len(asked.texts)})


def _tokens(scripted: Answer, text: str) -> dict[str, Any]:
    output = said.tokens(scripted, text).output
    total = scripted.prompt_tokens + output
    return {"input_tokens": scripted.prompt_tokens, "output_tokens": output, "total_tokens": total}


def _form(request: Request, wanted: str) -> dict[str, str]:
    """Return the plain fields of a form that has to have a file under that name."""
    kind = request.header(b"content-type")
    parsed = message_from_bytes(b"content-type: " + kind + b"\r\n\r\n" + request.body)
    fields: dict[str, str] = {}
    files: set[str] = set()
    for part in parsed.walk():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            continue
        content = part.get_payload(decode=True)
        if part.get_filename() is not None:
            files.add(name.removesuffix("[]"))
        elif isinstance(content, bytes):
            fields[name] = content.decode("utf-8", "replace").strip("\r\n")
    if wanted not in files:
        raise SettingsInvalid(f"Missing required parameter: '{wanted}'.")
    return fields


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack("!IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")


def _wav(blocks: int) -> bytes:
    size = blocks * _BLOCK - 44
    shape = struct.pack("<IHHIIHH", 16, 1, 1, 24_000, 48_000, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt " + shape + b"data" + struct.pack("<I", size)
    return head + b"\x00" * size


def _noise(blocks: int) -> bytes:
    return b"".join(bytes((place * 31 + block) % 256 for place in range(_BLOCK)) for block in range(blocks))
