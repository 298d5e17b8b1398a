"""Reading and rewriting request bodies."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse.errors import InvalidJson, InvalidRequest
from pilothouse.protocols import json_body, openai_chat, openai_embeddings

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

ONE_SPELLING = (
    b'{"model":"a","messages":[]}',
    b'{ "model" : "a" }',
    '{"model":"a","messages":[{"role":"user","content":"the \\"model\\" said \\u00e9 é"}]}'.encode(),
)
MANY_SPELLINGS = (
    b'{"model":"allowed","model":"other"}',
    b'{"model":"allowed","mod\\u0065l":"other"}',
    b'{"\\u006dodel":"other","model":"allowed"}',
    b'{"model":"allowed","\\u004dodel":"other"}',
    b'{"model":"allowed","Model":"other"}',
    b'{"MODEL":"other","model":"allowed"}',
    b'{"mod\\u0065l":"other"}',
    b'{"Model":"other"}',
    b'{"mod\\u0065l":"other","metadata":{"model":"x"}}',
)


@pytest.mark.parametrize("body", ONE_SPELLING)
def test_a_body_with_one_spelling_of_model_is_safe_to_pass_on(body: bytes) -> None:
    assert not json_body.needs_canonical(body)


@pytest.mark.parametrize("body", MANY_SPELLINGS)
def test_a_body_that_could_name_two_models_is_found(body: bytes) -> None:
    assert json_body.needs_canonical(body)


@pytest.mark.parametrize("body", [*MANY_SPELLINGS, *ONE_SPELLING])
def test_rewrite_leaves_exactly_one_model(body: bytes) -> None:
    out = json_body.rewrite(body, model="checked", ask_usage=False)
    pairs = json.loads(out, object_pairs_hook=lambda pairs: pairs)
    assert [(key, value) for key, value in pairs if key.lower() == "model"] == [("model", "checked")]


@given(
    spelling=st.lists(st.sampled_from("model").flatmap(lambda _: st.booleans()), min_size=5, max_size=5),
    upper=st.lists(st.booleans(), min_size=5, max_size=5),
    digits_upper=st.booleans(),
)
def test_no_spelling_of_model_slips_past_the_cheap_test(
    spelling: list[bool], upper: list[bool], digits_upper: bool
) -> None:
    letters = [letter.upper() if up else letter for letter, up in zip("model", upper, strict=True)]
    hexed = "{:04X}" if digits_upper else "{:04x}"
    key = "".join(
        "\\u" + hexed.format(ord(letter)) if escaped else letter
        for letter, escaped in zip(letters, spelling, strict=True)
    )
    body = f'{{"model":"allowed","{key}":"other"}}'.encode()
    assert json_body.needs_canonical(body)
    assert json.loads(json_body.rewrite(body, model="allowed", ask_usage=False)) == {"model": "allowed"}


@given(st.dictionaries(st.text(max_size=8).filter(lambda key: key.lower() != "model"), JSON_VALUES, max_size=6))
def test_rewrite_changes_nothing_but_the_model(others: dict[str, object]) -> None:
    body = msgspec.json.encode({**others, "model": "a"})
    out = json_body.rewrite(body, model="b/ü", ask_usage=False)
    assert msgspec.json.decode(out) == {**msgspec.json.decode(body), "model": "b/ü"}
    assert out == body.replace(b'"model":"a"', '"model":"b/ü"'.encode())


def test_rewrite_keeps_the_bytes_of_every_other_value() -> None:
    odd = (
        b'{"model":"a","x": {"n" : 1.50e+2,\t"big":123456789012345678901234567890, "dup":1,"dup":2, "u":"\\u00E9\\/"} }'
    )
    out = json_body.rewrite(odd, model="b", ask_usage=False)
    assert b'{"n" : 1.50e+2,\t"big":123456789012345678901234567890, "dup":1,"dup":2, "u":"\\u00E9\\/"}' in out


@pytest.mark.parametrize(
    ("given_options", "expected"),
    [
        (b"", {"include_usage": True}),
        (b',"stream_options":null', {"include_usage": True}),
        (b',"stream_options":{}', {"include_usage": True}),
        (b',"stream_options":{"include_usage":false}', {"include_usage": True}),
        (
            b',"stream_options":{"include_obfuscation":false,"include_usage":true}',
            {"include_obfuscation": False, "include_usage": True},
        ),
        (b',"stream_options":[1]', {"include_usage": True}),
        (b',"Stream_Options":{"include_usage":false}', {"include_usage": True}),
    ],
)
def test_usage_is_asked_for_whatever_the_caller_set(given_options: bytes, expected: dict[str, bool]) -> None:
    body = b'{"model":"a","stream":true' + given_options + b"}"
    out = json.loads(json_body.rewrite(body, model=None, ask_usage=True))
    assert out == {"model": "a", "stream": True, "stream_options": expected}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Expecting value"),
        (b'{"model":"a"', "line 1, column 13"),
        (b'{"model":"a"}\n}', "line 2, column 1"),
        (b'{"model":"a","x":01}', "column 19"),
        (b'{"model":"a","x":"\\ud83d"}', "surrogate"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b'{"x":' + b"[" * 200_000, "nested too deeply"),
        (b'{"x":' + b'{"a":' * 200_000, "nested too deeply"),
        (b'{"model":"a","messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b'{"metadata":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
        (b'{"stream_options":{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}}", "nested too deeply"),
    ],
)
def test_broken_json_is_refused_with_its_place(body: bytes, words: str) -> None:
    with pytest.raises(InvalidJson, match=words):
        openai_chat.read_head(body)
    with pytest.raises(InvalidJson, match=words):
        openai_chat.rewrite(body, model="b", ask_usage=True)


def test_a_key_that_is_not_utf8_is_refused_when_the_body_is_rewritten() -> None:
    with pytest.raises(InvalidJson, match="UTF-8 at byte 2"):
        openai_chat.rewrite(b'{"\xff":1}', model="b", ask_usage=True)


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"3", b"null"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    for verb in (openai_chat.read_head, openai_embeddings.read_head):
        with pytest.raises(InvalidRequest, match="object"):
            verb(body)
    with pytest.raises(InvalidRequest, match="object"):
        openai_chat.rewrite(body, model="b", ask_usage=False)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":7}', "model"),
        (b'{"model":null}', "model"),
        (b'{"model":"a","stream":"yes"}', "stream"),
        (b'{"model":"a","stream_options":7}', "stream_options"),
        (b'{"model":"a","stream_options":{"include_usage":"yes"}}', "stream_options"),
    ],
)
def test_a_field_of_a_wrong_type_is_named(body: bytes, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        openai_chat.read_head(body)
    assert caught.value.param == param


def test_the_head_of_a_chat_request() -> None:
    head = openai_chat.read_head(
        b'{"model":"m","stream":true,"stream_options":{"include_usage":true},"user":"u1",'
        b'"metadata":{"a":"b","n":1,"t":true,"o":{},"z":null},"messages":[{"role":"user"}],"n":2}'
    )
    assert (head.model_name, head.streamed, head.wants_usage, head.user_id, head.n) == ("m", True, True, "u1", 2)
    assert head.labels == {"a": "b", "n": "1", "t": "true"}


def test_an_empty_chat_request_has_an_empty_head() -> None:
    head = openai_chat.read_head(b'{"stream":null,"stream_options":null,"metadata":[1],"user":{}}')
    assert (head.model_name, head.streamed, head.wants_usage, head.user_id, head.labels) == ("", False, False, "", {})


def test_the_head_of_an_embeddings_request() -> None:
    head = openai_embeddings.read_head(b'{"model":"e","input":["a"],"user":"u"}')
    assert (head.model_name, head.streamed, head.wants_usage, head.user_id, head.labels) == ("e", False, False, "u", {})
    assert (
        openai_embeddings.rewrite(b'{"model":"e","MODEL":"x","input":"a"}', model="f") == b'{"model":"f","input":"a"}'
    )
