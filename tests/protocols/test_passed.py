"""Endpoints that are passed through: forms, usage by modality, streams of sound and of events."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.domain.usage import Usage
from pilothouse.errors import InvalidRequest, UpstreamProtocol
from pilothouse.protocols.base import Ask
from pilothouse.protocols.passed import dialects, form
from pilothouse.protocols.passed.reply import read_images, read_rerank, read_text_or_json
from pilothouse.protocols.passed.scan import PassedScan

TYPE = b'multipart/form-data; boundary="b-1"'
FORM = (
    b'--b-1\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b'RIFF\r\n--b-not\x00name="model"\r\n'
    b'--b-1\r\nContent-Disposition: form-data; name="model"\r\n\r\nacc/whisper\r\n'
    b'--b-1\r\nContent-Disposition: form-data; name="language"\r\n\r\nde\r\n--b-1--\r\n'
)


def test_a_forms_model_is_read_and_replaced_and_its_file_stays() -> None:
    ask = Ask(content_type=TYPE)
    head = dialects.TRANSCRIPTIONS.read_head(FORM, ask)
    assert (head.model_name, head.streamed) == ("acc/whisper", False)
    out = dialects.TRANSCRIPTIONS.rewrite(FORM, model="whisper-1", ask_usage=False, content_type=TYPE)
    assert out == FORM.replace(b"acc/whisper", b"whisper-1")
    assert dialects.TRANSCRIPTIONS.shown is not None
    assert json.loads(dialects.TRANSCRIPTIONS.shown(FORM, ask)) == {"model": "acc/whisper", "language": "de"}


def test_every_model_field_of_a_form_is_replaced() -> None:
    twice = FORM.replace(b"--b-1--", b'--b-1\r\nContent-Disposition: form-data; name="model"\r\n\r\nother\r\n--b-1--')
    assert dialects.TRANSCRIPTIONS.read_head(twice, Ask(content_type=TYPE)).model_name == "other"
    assert form.replace(twice, b"b-1", "model", b"m").count(b"\r\n\r\nm\r\n") == 2


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(FORM, b"multipart/form-data"), (FORM, b"multipart/form-data; boundary=other"), (FORM[:-20], TYPE), (b"", TYPE)],
)
def test_a_broken_form_is_refused(body: bytes, content_type: bytes) -> None:
    with pytest.raises(InvalidRequest):
        dialects.TRANSCRIPTIONS.read_head(body, Ask(content_type=content_type))


@given(values=st.lists(st.binary(max_size=20).filter(lambda value: b"--b-1" not in value), max_size=5))
def test_fields_come_back_as_they_went_in(values: list[bytes]) -> None:
    parts = [b'--b-1\r\nContent-Disposition: form-data; name="f"\r\n\r\n' + value + b"\r\n" for value in values]
    body = b"".join(parts) + b"--b-1--\r\n"
    assert [field.value for field in form.fields(body, b"b-1")] == values


def test_pictures_are_counted_with_their_tokens() -> None:
    usage = {"input_tokens": 9, "output_tokens": 30, "total_tokens": 39, "input_tokens_details": {"image_tokens": 4},
             "output_tokens_details": {"image_tokens": 30}}  # fmt: skip
    found = read_images(json.dumps({"created": 1, "data": [{"b64_json": "x"}] * 2, "usage": usage}).encode())
    assert found.usage == Usage(5, input_image_tokens=4, output_image_tokens=30, images=2)
    with pytest.raises(UpstreamProtocol):
        read_images(b'{"created":1}')


def test_transcriptions_are_metered_in_tokens_or_seconds_or_not_at_all() -> None:
    assert read_text_or_json(b'{"text":"a","usage":{"type":"duration","seconds":7}}').usage == Usage(audio_s=7.0)
    details = b'"input_token_details":{"audio_tokens":4}'
    tokens = b'{"text":"a","usage":{"type":"tokens","input_tokens":5,"output_tokens":2,' + details + b"}}"
    assert read_text_or_json(tokens).usage == Usage(1, input_audio_tokens=4, output_tokens=2)
    assert read_text_or_json(b"WEBVTT\n\n").usage is None


def test_rerank_is_metered_in_either_form() -> None:
    cohere = b'{"results":[],"meta":{"billed_units":{"search_units":2}}}'
    jina = b'{"model":"m","results":[],"usage":{"total_tokens":12}}'
    assert read_rerank(cohere).usage == Usage(searches=2)
    assert read_rerank(jina).usage == Usage(12)
    error = read_rerank(b'{"error":{"message":"no"}}').error
    assert error is not None
    assert error.message == "no"


def test_sound_passes_byte_for_byte() -> None:
    scan = PassedScan()
    assert scan.feed(b"ID3\x00") + scan.feed(b"\n\n\xff") + scan.end() == b"ID3\x00\n\n\xff"
    assert (scan.content_seen, scan.complete) == (True, True)
    assert not PassedScan().complete


@given(cuts=st.lists(st.integers(0, 400), max_size=6))
def test_events_pass_byte_for_byte_however_they_are_cut(cuts: list[int]) -> None:
    stream = (
        b'data: {"type":"transcript.text.delta","delta":"\xc3\xa9"}\r\n\r\n: ping\n\n'
        b'data: {"type":"transcript.text.done","text":"e",'
        b'"usage":{"type":"tokens","input_tokens":3,"output_tokens":1}}\n\n'
    )
    scan, places = PassedScan(), sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    out = b"".join(scan.feed(stream[a:b]) for a, b in itertools.pairwise(places)) + scan.end()
    assert out == stream
    assert scan.complete
    assert scan.usage == Usage(3, output_tokens=1)


def test_an_error_among_events_is_found_and_nothing_follows_it() -> None:
    scan = PassedScan()
    out = scan.feed(b'data: {"type":"x.delta"}\n\ndata: {"type":"error","error":{"message":"no"}}\n\ndata: 1\n\n')
    assert out == b'data: {"type":"x.delta"}\n\n'
    assert scan.error is not None


def test_an_event_without_end_cannot_fill_memory() -> None:
    scan = PassedScan()
    piece = b"x" * 1024 * 1024
    assert scan.feed(b"data: ") + b"".join(scan.feed(piece) for _ in range(63)) == b""
    with pytest.raises(UpstreamProtocol, match="larger than"):
        scan.feed(piece)
