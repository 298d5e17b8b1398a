"""Paths lead to dialects, whatever base URL an SDK was given."""

import pytest

from pilothouse.gateway.router import Router
from pilothouse.protocols import table
from pilothouse.protocols.base import Ask

ROUTER = Router(map(table.dialect, table.names()))
SERVED = set(table.names())

PATHS = [
    ("/v1/chat/completions", "", "openai_chat", Ask()),
    ("/openai/v1/chat/completions", "", "openai_chat", Ask()),
    ("/openai/deployments/gpt/chat/completions", "api-version=1", "openai_chat", Ask("gpt")),
    ("/cohere/v2/rerank", "", "cohere_rerank", Ask()),
    ("/v1beta/models/acc/gemini-2.5:generateContent", "", "gemini", Ask("acc/gemini-2.5", False)),
    ("/v1beta/models/g:streamGenerateContent", "alt=sse&key=k", "gemini", Ask("g", True)),
    ("/gemini/v1beta/models/g:streamGenerateContent", "", "gemini", Ask("g", True, "array")),
    ("/v1beta1/projects/p/locations/l/publishers/google/models/g:countTokens", "", "gemini_count_tokens",
     Ask("g", False)),
    ("/v1beta/acc/gemini-2.5:generateContent", "", "gemini", Ask("acc/gemini-2.5", False)),
    ("/gemini/v1beta/acc/org/g:streamGenerateContent", "alt=sse", "gemini", Ask("acc/org/g", True)),
    ("/v1beta/models/g:batchEmbedContents", "", "gemini_embeddings", Ask("g", False, "batch")),
    ("/model/acc/claude:0/converse", "", "bedrock_converse", Ask("acc/claude:0", False)),
    ("/bedrock/model/c/converse-stream", "", "bedrock_converse", Ask("c", True)),
]  # fmt: skip


@pytest.mark.parametrize(("path", "query", "name", "ask"), PATHS)
def test_a_path_says_dialect_and_model(path: str, query: str, name: str, ask: Ask) -> None:
    found = ROUTER.find(path, query.encode(), b"")
    if name not in SERVED:
        assert found is None
        return
    assert found is not None
    assert (found[0].name, found[1]) == (name, ask)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/openai", "/openai/", "/openai/openai/v2", "/v1beta/models/g", "/v1beta/models/g:remove",
     "/v1beta/models/:generateContent", "/model//converse", "/model/x/invoke", "/openai/deployments//chat/completions"],
)  # fmt: skip
def test_any_other_path_leads_nowhere(path: str) -> None:
    assert ROUTER.find(path, b"", b"") is None


def test_only_forms_carry_their_content_type() -> None:
    found = ROUTER.find("/v1/audio/transcriptions", b"", b"multipart/form-data; boundary=x")
    assert found is not None
    assert found[1] == Ask(content_type=b"multipart/form-data; boundary=x")
