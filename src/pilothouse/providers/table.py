"""The providers by name. A new vendor with an OpenAI-like API is one more row of options here."""

from pilothouse import plugins
from pilothouse.errors import SettingsInvalid
from pilothouse.providers.base import AccountOptions, Provider, ProviderKind, Row
from pilothouse.providers.bedrock import BedrockRow
from pilothouse.providers.openai_compatible import Auth, OpenAICompatible

ROWS: dict[str, Row] = {
    "openai": OpenAICompatible(title="OpenAI", base_url="https://api.openai.com/v1"),
    "anthropic": OpenAICompatible(
        title="Anthropic (OpenAI-compatible endpoint)",
        base_url="https://api.anthropic.com/v1",
        embeddings_path="",
        # The list of models belongs to Anthropic's own API, which takes the key and a version in headers of its own.
        models_path="/models?limit=1000",
        probe_auth=Auth.API_KEY,
        probe_headers=(("anthropic-version", "2023-06-01"),),
    ),
    "bedrock": BedrockRow(),
    "vllm": OpenAICompatible(title="vLLM", base_url="http://127.0.0.1:8000/v1", needs_secret=False, free=True),
    "tgi": OpenAICompatible(
        title="Hugging Face TGI",
        base_url="http://127.0.0.1:8080/v1",
        needs_secret=False,
        free=True,
        embeddings_path="",
    ),
    "ollama": OpenAICompatible(title="Ollama", base_url="http://127.0.0.1:11434/v1", needs_secret=False, free=True),
    "llama_cpp": OpenAICompatible(
        title="llama.cpp", base_url="http://127.0.0.1:8080/v1", needs_secret=False, free=True
    ),
    "sglang": OpenAICompatible(title="SGLang", base_url="http://127.0.0.1:30000/v1", needs_secret=False, free=True),
    "lm_studio": OpenAICompatible(
        title="LM Studio", base_url="http://127.0.0.1:1234/v1", needs_secret=False, free=True
    ),
    "openai_compatible": OpenAICompatible(title="OpenAI-compatible server", needs_secret=False),
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
