"""Error objects, read in every form and rendered in one."""

import json

import pytest

from pilothouse import errors
from pilothouse.errors import PilothouseError, UpstreamError
from pilothouse.protocols import openai_error

FORMS: dict[str, tuple[bytes, tuple[str, str, str, int]]] = {
    "OpenAI": (
        b'{"error":{"message":"m","type":"t","param":"p","code":"c"}}',
        ("m", "t", "c", 0),
    ),
    "vLLM": (
        b'{"error":{"message":"m","type":"BadRequestError","param":null,"code":400}}',
        ("m", "BadRequestError", "400", 400),
    ),
    "vLLM before 0.10": (
        b'{"object":"error","message":"m","type":"NotFoundError","param":null,"code":404}',
        ("m", "NotFoundError", "404", 404),
    ),
    "llama.cpp": (
        b'{"error":{"code":400,"message":"m","type":"exceed_context_size_error","n_ctx":512}}',
        ("m", "exceed_context_size_error", "400", 400),
    ),
    "TGI": (b'{"error":"m","error_type":"overloaded"}', ("m", "overloaded", "", 0)),
    "Ollama": (b'{"error":"model not found"}', ("model not found", "", "", 0)),
    "FastAPI": (b'{"detail":"Not Found"}', ("Not Found", "", "", 0)),
    "FastAPI, list": (b'{"detail":[{"loc":["body"]}]}', ('[{"loc":["body"]}]', "", "", 0)),
    "Gemini": (
        b'[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]',
        ("m", "RESOURCE_EXHAUSTED", "429", 429),
    ),
    "Anthropic": (
        b'{"type":"error","error":{"type":"overloaded_error","message":"m"}}',
        ("m", "overloaded_error", "", 0),
    ),
    "Azure": (
        b'{"error":{"message":"m","code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}',
        ("m", "", "ResponsibleAIPolicyViolation", 0),
    ),
    "Mistral": (b'{"object":"error","message":{"detail":"x"},"type":"t","code":null}', ('{"detail":"x"}', "t", "", 0)),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_an_error_object_is_read(name: str) -> None:
    body, (message, kind, code, status) = FORMS[name]
    found = openai_error.read_error(body)
    assert found is not None
    assert (found.message, found.type, found.code, found.status) == (message, kind, code, status)
    assert found.raw == body


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"{}", b"[]", b"3", b'{"choices":[],"error":null}', b'{"choices":[],"message":"x"}', b"[" * 99999],
)
def test_what_holds_no_error_gives_none(body: bytes) -> None:
    assert openai_error.read_error(body) is None


def _all_errors(base: type[PilothouseError]) -> list[type[PilothouseError]]:
    """Return the tree of `errors`; rooms that happen to be loaded may have kinds of their own below it."""
    own = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]
    return [base, *(deeper for kind in own for deeper in _all_errors(kind))]


@pytest.mark.parametrize("kind", _all_errors(PilothouseError), ids=lambda kind: kind.code)
def test_every_error_has_one_openai_form(kind: type[PilothouseError]) -> None:
    rendered = json.loads(openai_error.render_error(kind("what happened"), "req-1"))
    inner = rendered.pop("error")
    assert rendered == {}
    assert inner["message"] == "what happened"
    assert inner["request_id"] == "req-1"
    assert inner["type"]
    assert inner["code"]
    assert inner["param"] is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.KeyUnknown("x"), "invalid_api_key"),
        (errors.ModelUnknown("x"), "model_not_found"),
        (errors.ContextLength("x"), "context_length_exceeded"),
        (errors.ContentPolicy("x"), "content_filter"),
        (errors.UpstreamRateLimited("x"), "rate_limit_exceeded"),
        (errors.ModelForbidden("x"), "model_forbidden"),
    ],
)
def test_codes_that_clients_look_for(error: PilothouseError, code: str) -> None:
    assert json.loads(openai_error.render_error(error, ""))["error"]["code"] == code


def test_the_offending_field_is_named() -> None:
    rendered = openai_error.render_error(errors.InvalidRequest("no", param="stream"), "r")
    assert json.loads(rendered)["error"]["param"] == "stream"


PROVIDER_BODY = (
    b'{"error":{"message":"upstream words","type":"invalid_request_error","param":"messages","code":"custom"}}'
)


@pytest.mark.parametrize("kind", [errors.UpstreamInvalid, errors.ContextLength, errors.UpstreamRateLimited])
def test_the_callers_own_mistakes_come_in_the_providers_words(kind: type[UpstreamError]) -> None:
    inner = json.loads(openai_error.render_error(kind("ours", body=PROVIDER_BODY), "r"))["error"]
    assert (inner["message"], inner["param"], inner["code"]) == ("upstream words", "messages", "custom")


@pytest.mark.parametrize("kind", [errors.UpstreamAuth, errors.UpstreamBilling, errors.UpstreamCut])
def test_what_the_operator_has_to_mend_is_not_shown_to_the_caller(kind: type[UpstreamError]) -> None:
    inner = json.loads(openai_error.render_error(kind("ours", body=PROVIDER_BODY), "r"))["error"]
    assert (inner["message"], inner["code"]) == ("ours", kind.code)


def test_an_error_in_a_stream_is_one_event() -> None:
    rendered = openai_error.render_stream_error(errors.UpstreamCut("line\nbreak"), "r")
    assert rendered.startswith(b'data: {"error":')
    assert rendered.endswith(b"}\n\n")
    assert rendered.count(b"\n") == 2
