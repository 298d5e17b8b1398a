"""Instrumentations that others wrote and the app has installed: OpenTelemetry's, OpenInference's, OpenLLMetry's."""

import logging
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from opentelemetry import trace

_GROUPS: Final = ("opentelemetry_instrumentor", "openinference_instrumentor")
MODELS: Final = frozenset({
    "agno", "alephalpha", "anthropic", "autogen", "autogen_agentchat", "bedrock", "beeai", "chromadb",
    "claude_agent_sdk", "cohere", "crewai", "dspy", "google_adk", "google_genai", "google_generativeai", "groq",
    "guardrails", "haystack", "instructor", "lancedb", "langchain", "litellm", "llama_index", "llamaindex",
    "marqo", "mcp", "milvus", "mistralai", "ollama", "openai", "openai_agents", "openai_v2", "pinecone",
    "portkey", "promptflow", "pydantic_ai", "qdrant", "replicate", "sagemaker", "smolagents", "together",
    "transformers", "vertexai", "voyageai", "watsonx", "weaviate", "writer",
})  # fmt: skip
"""What `instrument()` switches on when it is not told: libraries that call models, and those around them."""
_log = logging.getLogger("pilothouse.sdk")


def instrument(*names: str) -> tuple[str, ...]:
    """Switch on installed instrumentations by their names, such as `openai`; without any, all of those for models.

    Returns the names that are on. Of two for the same library only one is taken, OpenTelemetry's own first. One that
    fails is left out with a warning; never raises.
    """
    wanted = frozenset(names) or MODELS
    chosen: dict[str, EntryPoint] = {}
    for point in _installed():
        name = point.name.replace("-", "_")
        if name in wanted:
            chosen.setdefault(name.removesuffix("_v2"), point)
    unknown = sorted(frozenset(names) - {point.name.replace("-", "_") for point in chosen.values()})
    if unknown:
        _log.warning("no instrumentation is installed for %s", ", ".join(unknown))
    return tuple(name for name, point in sorted(chosen.items()) if _switched_on(point))


def _installed() -> Iterator[EntryPoint]:
    found = {point for group in _GROUPS for point in entry_points(group=group)}
    return iter(
        sorted(found, key=lambda point: (not point.value.startswith("opentelemetry."), point.name, point.value))
    )


def _switched_on(point: EntryPoint) -> bool:
    try:
        instrumentor: Any = point.load()()
        if not getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            instrumentor.instrument(tracer_provider=trace.get_tracer_provider())
        # one whose library is missing says so in its own log and stays off
        return bool(getattr(instrumentor, "is_instrumented_by_opentelemetry", True))
    except Exception as error:  # noqa: BLE001 - border: a plug-in call; an instrumentation may not stop the app
        _log.warning("the instrumentation %s cannot be switched on: %r", point.name, error)
        return False
