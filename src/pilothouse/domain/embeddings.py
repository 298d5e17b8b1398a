"""An embeddings call, whatever dialect it came in."""

import msgspec

from pilothouse.domain.chat.parts import Extra
from pilothouse.domain.usage import Usage


class EmbeddingsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Texts, or token ids, to be turned into vectors."""

    dialect: str
    model: str
    inputs: tuple[str | tuple[int, ...], ...]
    batched: bool = True
    """Whether the caller gave a list; where the dialect tells one input from a list of one."""
    dimensions: int | None = None
    base64: bool = False
    """Whether vectors go back as base64 of little-endian 32-bit floats."""
    task: str = ""
    """What the vectors are for, in Gemini's words (`RETRIEVAL_QUERY` …)."""
    title: str = ""
    varied: tuple[str, ...] = ()
    """Fields, in the caller's words, that are not the same for all inputs; here is what the first one says that has
    them."""
    user_id: str = ""
    extra: Extra | None = None


class EmbeddingsReply(msgspec.Struct, frozen=True, kw_only=True):
    """One vector for each input, in the order of the inputs."""

    model: str = ""
    vectors: tuple[tuple[float, ...], ...]
    usage: Usage | None = None
