"""The vocabularies by name, in the order in which they are believed."""

from functools import cache, lru_cache

from pilothouse import plugins
from pilothouse.otlp.base import Vocabulary

ROWS: dict[str, str] = {
    # what one SDK says in words of its own
    "langfuse": "pilothouse.otlp.vocabularies.langfuse:Langfuse",
    "langsmith": "pilothouse.otlp.vocabularies.langsmith:LangSmith",
    "braintrust": "pilothouse.otlp.vocabularies.braintrust:Braintrust",
    "weave": "pilothouse.otlp.vocabularies.weave:Weave",
    "mlflow": "pilothouse.otlp.vocabularies.mlflow:MLflow",
    "pydantic_ai": "pilothouse.otlp.vocabularies.pydantic_ai:PydanticAI",
    "google_adk": "pilothouse.otlp.vocabularies.google_adk:GoogleADK",
    "genkit": "pilothouse.otlp.vocabularies.genkit:Genkit",
    "laminar": "pilothouse.otlp.vocabularies.laminar:Laminar",
    "livekit": "pilothouse.otlp.vocabularies.livekit:LiveKit",
    "voltagent": "pilothouse.otlp.vocabularies.voltagent:VoltAgent",
    "claude_code": "pilothouse.otlp.vocabularies.claude_code:ClaudeCode",
    "openrouter": "pilothouse.otlp.vocabularies.openrouter:OpenRouter",
    "litellm": "pilothouse.otlp.vocabularies.litellm:LiteLLM",
    "crewai": "pilothouse.otlp.vocabularies.crewai:CrewAI",
    # what many say in the words of a convention
    "gen_ai": "pilothouse.otlp.vocabularies.gen_ai:GenAI",
    "gen_ai_old": "pilothouse.otlp.vocabularies.gen_ai_old:OldGenAI",
    "openinference": "pilothouse.otlp.vocabularies.openinference:OpenInference",
    "traceloop": "pilothouse.otlp.vocabularies.traceloop:Traceloop",
    "vercel_ai": "pilothouse.otlp.vocabularies.vercel_ai:VercelAI",
    "logfire": "pilothouse.otlp.vocabularies.logfire:Logfire",
    "pilothouse": "pilothouse.otlp.vocabularies.pilothouse:Pilothouse",
    # what anything may say
    "otel": "pilothouse.otlp.vocabularies.generic:Generic",
}


@cache
def vocabulary(name: str) -> Vocabulary:
    """Return the vocabulary of that name; raises `SettingsInvalid` for an unknown one."""
    return plugins.pick("otlp", ROWS, name)()


@cache
def names() -> tuple[str, ...]:
    """Return the names of all vocabularies in order of precedence; those of installed plug-ins come first."""
    installed = sorted(set(plugins.rows("otlp", ROWS)) - set(ROWS))
    return (*installed, *ROWS)


@lru_cache(maxsize=1024)
def speaking(namespaces: frozenset[str]) -> tuple[Vocabulary, ...]:
    """Return the vocabularies that may claim a span whose attributes begin with these words, in order."""
    every = (vocabulary(name) for name in names())
    return tuple(one for one in every if not one.namespaces or one.namespaces & namespaces)
