"""What is particular about single vendors."""

import pytest

from pilothouse.errors import EndpointUnknown
from pilothouse.providers import table
from pilothouse.providers.base import AccountOptions, Outbound, Provider


def account(name: str, base_url: str = "") -> Provider:
    return table.make(name, AccountOptions("acc", base_url, "sk-1"))


@pytest.mark.parametrize(
    ("name", "dialect", "host", "target"),
    [
        ("openai", "openai_responses", "api.openai.com", b"/v1/responses"),
        ("openai", "openai_moderations", "api.openai.com", b"/v1/moderations"),
        ("mistral", "openai_embeddings", "api.mistral.ai", b"/v1/embeddings"),
        ("cohere", "openai_chat", "api.cohere.com", b"/compatibility/v1/chat/completions"),
        ("cohere", "cohere_rerank", "api.cohere.com", b"/v2/rerank"),
        ("groq", "openai_transcriptions", "api.groq.com", b"/openai/v1/audio/transcriptions"),
        ("together", "cohere_rerank", "api.together.xyz", b"/v1/rerank"),
        ("fireworks", "openai_chat", "api.fireworks.ai", b"/inference/v1/chat/completions"),
        ("deepseek", "openai_chat", "api.deepseek.com", b"/v1/chat/completions"),
        ("xai", "openai_responses", "api.x.ai", b"/v1/responses"),
        ("perplexity", "openai_chat", "api.perplexity.ai", b"/chat/completions"),
        ("openrouter", "openai_chat", "openrouter.ai", b"/api/v1/chat/completions"),
        ("cerebras", "openai_chat", "api.cerebras.ai", b"/v1/chat/completions"),
        ("nvidia_nim", "openai_chat", "integrate.api.nvidia.com", b"/v1/chat/completions"),
        ("huggingface", "openai_chat", "router.huggingface.co", b"/v1/chat/completions"),
        ("vllm", "jina_rerank", "127.0.0.1", b"/v1/rerank"),
    ],
)
def test_where_calls_go(name: str, dialect: str, host: str, target: bytes) -> None:
    request = account(name).request(Outbound(dialect, b"{}"))
    assert (request.origin.host, request.target) == (host, target)


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("groq", "openai_embeddings"),
        ("deepseek", "openai_embeddings"),
        ("tgi", "openai_embeddings"),
        ("mistral", "openai_responses"),
        ("openai_compatible", "openai_responses"),
    ],
)
def test_what_a_vendor_does_not_have(name: str, dialect: str) -> None:
    with pytest.raises(EndpointUnknown):
        account(name, "https://x.test/v1").request(Outbound(dialect, b"{}"))


def test_chats_are_converted_to_chat_completions_or_to_the_vendors_own() -> None:
    for name, row in table.ROWS.items():
        made = getattr(row, "paths", None)
        if made is not None:
            own = {"cohere": "cohere_chat", "mistral": "mistral_chat"}
            assert next(iter(made)) == own.get(name, "openai_chat"), name


@pytest.mark.parametrize("ending", ["", "/v1", "/v2", "/compatibility/v1", "/v2/rerank", "/v2/chat"])
def test_cohere_has_two_roots_under_one_base_url(ending: str) -> None:
    provider = account("cohere", f"https://x.test/p{ending}")
    assert provider.request(Outbound("cohere_rerank", b"{}")).target == b"/p/v2/rerank"
    assert provider.probe().target == b"/p/v1/models?page_size=1000"
    assert provider.models(b'{"models":[{"name":"command-a"}]}') == ["command-a"]


def test_a_base_url_without_a_path_gets_the_vendors_own() -> None:
    request = account("groq", "https://eu.groq.test").request(Outbound("openai_chat", b"{}"))
    assert request.target == b"/openai/v1/chat/completions"


def test_probes_that_a_wrong_key_does_not_pass() -> None:
    assert account("openrouter").probe().target == b"/api/v1/models/user"
    assert account("perplexity").probe().target == b"/async/chat/completions"
    assert account("perplexity").models(b'{"requests":[]}') == []


@pytest.mark.parametrize(
    ("sent", "goes"),
    [
        (b'{"model":"m","max_completion_tokens":5}', b'{"model":"m","max_tokens":5}'),
        (b'{"max_completion_tokens":5,"max_tokens":7}', b'{"max_tokens":7}'),
        (b'{"stream_options":{"include_usage":true},"stream":true}', b'{"stream":true}'),
        (b'{ "messages": ["max_completion_tokens"] }', b'{ "messages": ["max_completion_tokens"] }'),
        (b'{"seed":123456789012345678901234567890,"stream_options":{}}', b'{"seed":123456789012345678901234567890}'),
    ],
)
def test_mistral_gets_only_fields_that_it_knows(sent: bytes, goes: bytes) -> None:
    body = account("mistral").request(Outbound("openai_chat", sent)).body
    assert body.replace(b" ", b"") == goes.replace(b" ", b"")


def test_fields_are_left_alone_elsewhere() -> None:
    body = b'{"max_completion_tokens": 5, "stream_options": {"include_usage": true}}'
    assert account("openai").request(Outbound("openai_chat", body)).body is body
    assert account("mistral").request(Outbound("openai_embeddings", body)).body is body


def test_openais_betas_are_passed_on() -> None:
    headers = ((b"openai-beta", b"x=1"), (b"anthropic-beta", b"y"))
    assert account("openai").request(Outbound("openai_chat", b"{}", headers=headers)).more_headers == headers[:1]


def test_speech_may_come_in_any_form() -> None:
    assert (b"accept", b"*/*") in account("openai").request(Outbound("openai_speech", b"{}")).headers
