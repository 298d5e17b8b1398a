"""The providers by name. A new vendor with an OpenAI-like API is one more row of options here."""

from pilothouse import plugins
from pilothouse.errors import SettingsInvalid
from pilothouse.providers.anthropic import AnthropicRow
from pilothouse.providers.azure import AzureRow
from pilothouse.providers.base import AccountOptions, Provider, ProviderKind, Row
from pilothouse.providers.bedrock import BedrockRow
from pilothouse.providers.google import GeminiRow, VertexRow
from pilothouse.providers.openai import OpenAIRow
from pilothouse.providers.openai_compatible import OLD_LIMIT, USUAL_PATHS, Fixes, OpenAICompatible, usual

ROWS: dict[str, Row] = {
    "openai": OpenAIRow(
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        paths=usual(
            "openai_chat",
            "openai_responses",
            "openai_embeddings",
            "openai_completions",
            "openai_images",
            "openai_image_edits",
            "openai_speech",
            "openai_transcriptions",
            "openai_translations",
            "openai_moderations",
        ),
    ),
    "anthropic": AnthropicRow(),
    "azure_openai": AzureRow(),
    "gemini": GeminiRow(),
    "vertex": VertexRow(),
    "bedrock": BedrockRow(),
    "mistral": OpenAICompatible(
        title="Mistral AI",
        base_url="https://api.mistral.ai/v1",
        paths={
            "mistral_chat": USUAL_PATHS["openai_chat"],
            "mistral_embeddings": USUAL_PATHS["openai_embeddings"],
            "mistral_fim": "/fim/completions",
            "mistral_agents": "/agents/completions",
            "mistral_ocr": "/ocr",
            **usual("openai_chat", "openai_embeddings", "openai_moderations", "openai_transcriptions"),
        },
        # Fields that Mistral does not know are refused; usage comes in every stream.
        fixes=Fixes(renamed=OLD_LIMIT.renamed, dropped=("stream_options",)),
    ),
    "cohere": OpenAICompatible(
        title="Cohere",
        base_url="https://api.cohere.com",
        paths={
            "cohere_chat": "/v2/chat",
            "openai_chat": "/compatibility/v1/chat/completions",
            "cohere_embeddings": "/v2/embed",
            "openai_embeddings": "/compatibility/v1/embeddings",
            "cohere_rerank": "/v2/rerank",
        },
        models_path="/v1/models?page_size=1000",
        roots=("/compatibility/v1", "/v1", "/v2"),
    ),
    "groq": OpenAICompatible(
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        paths=usual("openai_chat", "openai_responses", "openai_speech", "openai_transcriptions", "openai_translations"),
    ),
    "together": OpenAICompatible(
        title="Together AI",
        base_url="https://api.together.xyz/v1",
        paths=usual(
            "openai_chat",
            "openai_embeddings",
            "openai_completions",
            "openai_images",
            "openai_speech",
            "openai_transcriptions",
            "openai_translations",
            "cohere_rerank",
        ),
        fixes=OLD_LIMIT,
    ),
    "fireworks": OpenAICompatible(
        title="Fireworks AI",
        base_url="https://api.fireworks.ai/inference/v1",
        paths=usual("openai_chat", "openai_responses", "openai_embeddings", "openai_completions"),
    ),
    "deepseek": OpenAICompatible(
        title="DeepSeek", base_url="https://api.deepseek.com/v1", paths=usual("openai_chat"), fixes=OLD_LIMIT
    ),
    "xai": OpenAICompatible(
        title="xAI", base_url="https://api.x.ai/v1", paths=usual("openai_chat", "openai_responses", "openai_images")
    ),
    "perplexity": OpenAICompatible(
        title="Perplexity",
        base_url="https://api.perplexity.ai",
        paths=usual("openai_chat"),
        # Its list of models asks for no key and names those of another API; this list is the account's own calls.
        models_path="/async/chat/completions",
        lists_models=False,
        fixes=OLD_LIMIT,
    ),
    "openrouter": OpenAICompatible(
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        paths=usual("openai_chat", "openai_responses", "openai_embeddings", "openai_completions"),
        # The list of all models asks for no key.
        models_path="/models/user",
    ),
    "cerebras": OpenAICompatible(
        title="Cerebras",
        base_url="https://api.cerebras.ai/v1",
        paths=usual("openai_chat", "openai_completions"),
    ),
    "nvidia_nim": OpenAICompatible(
        title="NVIDIA NIM",
        base_url="https://integrate.api.nvidia.com/v1",
        paths=usual("openai_chat", "openai_embeddings", "openai_completions"),
        fixes=OLD_LIMIT,
    ),
    "huggingface": OpenAICompatible(
        title="Hugging Face Inference Providers",
        base_url="https://router.huggingface.co/v1",
        paths=usual("openai_chat", "openai_responses"),
    ),
    "vllm": OpenAICompatible(
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        needs_secret=False,
        free=True,
        paths=usual(
            "openai_chat",
            "openai_responses",
            "openai_embeddings",
            "openai_completions",
            "openai_transcriptions",
            "openai_translations",
            "jina_rerank",
            "cohere_rerank",
        ),
    ),
    "tgi": OpenAICompatible(
        title="Hugging Face TGI",
        base_url="http://127.0.0.1:8080/v1",
        needs_secret=False,
        free=True,
        paths=usual("openai_chat", "openai_completions"),
        fixes=OLD_LIMIT,
    ),
    "ollama": OpenAICompatible(
        title="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        needs_secret=False,
        free=True,
        paths=usual("openai_chat", "openai_responses", "openai_embeddings", "openai_completions"),
        fixes=OLD_LIMIT,
    ),
    "llama_cpp": OpenAICompatible(
        title="llama.cpp",
        base_url="http://127.0.0.1:8080/v1",
        needs_secret=False,
        free=True,
        paths=usual("openai_chat", "openai_responses", "openai_embeddings", "openai_completions", "jina_rerank"),
    ),
    "sglang": OpenAICompatible(
        title="SGLang",
        base_url="http://127.0.0.1:30000/v1",
        needs_secret=False,
        free=True,
        paths=usual("openai_chat", "openai_responses", "openai_embeddings", "openai_completions"),
    ),
    "lm_studio": OpenAICompatible(
        title="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        needs_secret=False,
        free=True,
        paths=usual("openai_chat", "openai_responses", "openai_embeddings", "openai_completions"),
        fixes=OLD_LIMIT,
    ),
    # Few such servers have responses: those are converted to chats.
    "openai_compatible": OpenAICompatible(
        title="OpenAI-compatible server",
        needs_secret=False,
        paths={name: path for name, path in USUAL_PATHS.items() if name != "openai_responses"},
    ),
    "local": OpenAICompatible(title="Bundled local model", needs_secret=False, free=True, managed=True),
}


def make(provider: str, options: AccountOptions) -> Provider:
    """Return an account of the provider named; raises `SettingsInvalid` for an unknown name or unusable options.

    Entry points `pilothouse.providers` are callables that take the `AccountOptions`.
    """
    row = ROWS.get(provider)
    if row is not None:
        return row.open(options)
    installed = plugins.rows("providers", {})
    if provider not in installed:
        known = ", ".join(sorted({*ROWS, *installed}))
        raise SettingsInvalid(f"unknown provider {provider!r}; known: {known}", param="provider")
    return plugins.load(installed[provider])(options)


def describe() -> list[ProviderKind]:
    """Return the rows as the UI shows them."""
    return [row.kind(name) for name, row in ROWS.items()]
