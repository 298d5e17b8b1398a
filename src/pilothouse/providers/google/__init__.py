"""Google's models: Gemini with an API key, and Vertex AI with a service account."""

from pilothouse.providers.google.gemini import GeminiAccount, GeminiRow
from pilothouse.providers.google.vertex import VertexAccount, VertexRow

__all__ = ["GeminiAccount", "GeminiRow", "VertexAccount", "VertexRow"]
