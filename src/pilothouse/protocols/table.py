"""The dialects by name; a name is what records and routes carry."""

from functools import cache

from pilothouse import plugins
from pilothouse.protocols.base import Dialect

ROWS: dict[str, str] = {
    "openai_translations": "pilothouse.protocols.passed.dialects:TRANSLATIONS",
    "openai_transcriptions": "pilothouse.protocols.passed.dialects:TRANSCRIPTIONS",
    "openai_speech": "pilothouse.protocols.passed.dialects:SPEECH",
    "openai_moderations": "pilothouse.protocols.passed.dialects:MODERATIONS",
    "openai_images": "pilothouse.protocols.passed.dialects:IMAGES",
    "openai_image_edits": "pilothouse.protocols.passed.dialects:IMAGE_EDITS",
    "gemini": "pilothouse.protocols.gemini:DIALECT",
    "gemini_count_tokens": "pilothouse.protocols.gemini:COUNT_TOKENS",
    "gemini_embeddings": "pilothouse.protocols.gemini_embeddings:DIALECT",
    "jina_rerank": "pilothouse.protocols.passed.dialects:JINA_RERANK",
    "cohere_chat": "pilothouse.protocols.cohere_chat:DIALECT",
    "cohere_embeddings": "pilothouse.protocols.cohere_embeddings:DIALECT",
    "cohere_rerank": "pilothouse.protocols.passed.dialects:COHERE_RERANK",
    "mistral_chat": "pilothouse.protocols.mistral_chat:DIALECT",
    "mistral_embeddings": "pilothouse.protocols.mistral_embeddings:DIALECT",
    "mistral_fim": "pilothouse.protocols.mistral_passed:FIM",
    "mistral_agents": "pilothouse.protocols.mistral_passed:AGENTS",
    "mistral_ocr": "pilothouse.protocols.mistral_passed:OCR",
    "openai_chat": "pilothouse.protocols.openai_chat:DIALECT",
    "openai_completions": "pilothouse.protocols.openai_completions:DIALECT",
    "openai_embeddings": "pilothouse.protocols.openai_embeddings:DIALECT",
    "anthropic_messages": "pilothouse.protocols.anthropic_messages:DIALECT",
    "anthropic_count_tokens": "pilothouse.protocols.anthropic_messages:COUNT_TOKENS",
    "openai_responses": "pilothouse.protocols.openai_responses:DIALECT",
    "bedrock_converse": "pilothouse.protocols.bedrock_converse:DIALECT",
}


@cache
def dialect(name: str) -> Dialect:
    """Return the dialect of that name; raises `SettingsInvalid` for an unknown one."""
    found = plugins.pick("protocols", ROWS, name)
    if not isinstance(found, Dialect):
        raise TypeError(f"protocol {name!r} is not a Dialect")
    return found


@cache
def names() -> tuple[str, ...]:
    """Return the names of all dialects, those of installed plug-ins included."""
    return tuple(sorted({*ROWS, *plugins.rows("protocols", ROWS)}))
