"""The words that spans are written in: OpenTelemetry's where there is one, else `pilothouse.*`."""

from typing import Final, Literal

Kind = Literal["llm", "embedding", "chain", "agent", "tool", "retriever", "guard", "other"]
"""What a span stands for."""

OPERATIONS: Final = {
    "llm": "chat",
    "embedding": "embeddings",
    "retriever": "retrieval",
    "agent": "invoke_agent",
    "tool": "execute_tool",
}
"""The kinds that OpenTelemetry's GenAI conventions have a word for."""
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
MESSAGES_IN: Final = "gen_ai.input.messages"
MESSAGES_OUT: Final = "gen_ai.output.messages"
COST: Final = "gen_ai.usage.cost"
INPUT: Final = "input.value"
OUTPUT: Final = "output.value"
SESSION: Final = "session.id"
USER: Final = "user.id"
ERROR: Final = "error.type"
KIND: Final = "pilothouse.kind"
TAGS: Final = "pilothouse.tags"
METADATA: Final = "pilothouse.metadata."
ENVIRONMENT: Final = "pilothouse.environment"
RELEASE: Final = "pilothouse.release"
"""The last two stand in for the resource's where the app had a provider of its own before."""
