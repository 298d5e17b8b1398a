"""Where Google's dialects are served: the model and the verb stand in the path."""

from urllib.parse import quote

from pilothouse.providers.base import Outbound

BATCH = b'{"requests":'
"""So begins a body that asks for several vectors, and no other."""
_COLLECTIONS = ("models/", "tunedModels/")


def model_path(name: str) -> str:
    """Return a model's resource path; a plain name is one of `models`."""
    for collection in _COLLECTIONS:
        if name.startswith(collection):
            return collection + quote(name.removeprefix(collection), safe="")
    return "models/" + quote(name, safe="")


def verb(call: Outbound) -> str:
    """Return the verb of a call, with its query."""
    if call.dialect == "gemini_count_tokens":
        return "countTokens"
    if call.dialect == "gemini_embeddings":
        # A body that was converted tells by itself: only a batch begins so.
        return "batchEmbedContents" if call.variant == "batch" or call.body.startswith(BATCH) else "embedContent"
    if not call.streamed:
        return "generateContent"
    return "streamGenerateContent" if call.variant == "array" else "streamGenerateContent?alt=sse"
