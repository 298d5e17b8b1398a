"""Providers' many names, as the names that prices and the gateway know."""

NAMES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "azure": "azure_openai",
    "azure_openai": "azure_openai",
    "az.ai.openai": "azure_openai",
    "az.ai.inference": "azure_openai",
    "azure.ai.openai": "azure_openai",
    "azure.ai.inference": "azure_openai",
    "azure_ai": "azure_openai",
    "azure-openai": "azure_openai",
    "aws": "bedrock",
    "bedrock": "bedrock",
    "aws.bedrock": "bedrock",
    "aws_bedrock": "bedrock",
    "amazon_bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "gemini": "gemini",
    "google": "gemini",
    "google_genai": "gemini",
    "google_ai_studio": "gemini",
    "google.generative-ai": "gemini",
    "google_generative_ai": "gemini",
    "google_gla": "gemini",
    "gcp.gemini": "gemini",
    "gcp.gen_ai": "gemini",
    "vertex": "vertex",
    "vertex_ai": "vertex",
    "vertexai": "vertex",
    "google_vertex": "vertex",
    "google_vertexai": "vertex",
    "google_anthropic_vertex": "vertex",
    "gcp.vertex_ai": "vertex",
    "gcp.vertex.agent": "vertex",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "fireworks_ai": "fireworks",
    "groq": "groq",
    "mistral": "mistral",
    "mistral_ai": "mistral",
    "mistralai": "mistral",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "together_ai": "together",
    "togetherai": "together",
    "xai": "xai",
    "x_ai": "xai",
    "x-ai": "xai",
    "ollama": "ollama",
    "vllm": "vllm",
    "hosted_vllm": "vllm",
    "sglang": "sglang",
    "lm_studio": "lm_studio",
    "llama_cpp": "llama_cpp",
    "llamacpp": "llama_cpp",
    "tgi": "tgi",
}
_FRAMEWORKS = frozenset(
    {
        "langchain", "langgraph", "langsmith", "llama_index", "llamaindex", "haystack", "crewai", "dspy", "litellm",
        "unknown", "_other", "none", "agno", "strands_agents", "autogen", "microsoft.agent_framework", "spring_ai",
        "semantic_kernel", "gateway", "traceloop", "smolagents", "pydantic_ai", "openai_agents", "genkit", "mastra",
    }
)  # fmt: skip
"""Said in a provider's place by SDKs that do not know who serves the model."""

HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "xai",
    "api.cohere.com": "cohere",
    "api.perplexity.ai": "perplexity",
    "api.together.xyz": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "openrouter.ai": "openrouter",
}
_SUFFIXES = {".openai.azure.com": "azure_openai", ".amazonaws.com": "bedrock", "aiplatform.googleapis.com": "vertex"}

_FAMILIES = (
    ("gpt-3", "openai"), ("gpt-4", "openai"), ("gpt-5", "openai"), ("chatgpt-", "openai"), ("o1", "openai"),
    ("o3", "openai"), ("o4-", "openai"), ("text-embedding-3", "openai"), ("text-embedding-ada", "openai"),
    ("claude-", "anthropic"), ("gemini-", "gemini"), ("mistral-", "mistral"), ("codestral-", "mistral"),
    ("ministral-", "mistral"), ("deepseek-chat", "deepseek"), ("deepseek-reasoner", "deepseek"), ("command-", "cohere"),
    ("grok-", "xai"), ("sonar", "perplexity"),
)  # fmt: skip
"""Beginnings of the names that only their makers' models have. Open models are served by many, so none is here."""


def known(name: str | None) -> str | None:
    """Return our name for a provider; an unknown one in lower case; None for frameworks that name themselves."""
    if not name:
        return None
    plain = name.strip().lower().replace(" ", "_")
    if plain in _FRAMEWORKS:
        return None
    for spelling in (
        plain,
        plain.replace("-", "_"),
        plain.partition(".")[0],
        plain.partition(".")[0].replace("-", "_"),
    ):
        found = NAMES.get(spelling)
        if found is not None:
            return found
    return plain[:100]


def of_host(host: str | None) -> str | None:
    """Return the provider behind a host or a URL; None for others, such as a gateway."""
    if not host:
        return None
    plain = host.partition("://")[2] or host
    plain = plain.partition("/")[0].partition(":")[0].lower()
    found = HOSTS.get(plain)
    return found or next((name for suffix, name in _SUFFIXES.items() if plain.endswith(suffix)), None)


def of_family(model: str | None) -> str | None:
    """Return the maker of a model whose name tells it, such as `gpt-4o`; for spans that name no provider at all."""
    name = (model or "").lower()
    return next((provider for start, provider in _FAMILIES if name.startswith(start)), None)


def of_model(model: str | None) -> str | None:
    """Return the provider that stands in front of a model's name, such as `openai/gpt-4o`."""
    head, slash, _rest = (model or "").partition("/")
    return NAMES.get(head.lower().replace("-", "_")) if slash else None
