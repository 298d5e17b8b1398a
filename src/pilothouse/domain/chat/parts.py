"""The parts that messages and answers are made of, as a superset of what the dialects know.

Base64 text, tool arguments and signatures are kept as the text they came as, so that nothing is lost on the way.
"""

from typing import Any, TypeAlias

import msgspec


class Extra(msgspec.Struct, frozen=True):
    """Fields of one dialect that the domain has no word for; given back only in the dialect they came from."""

    dialect: str
    fields: dict[str, Any]


class CacheMark(msgspec.Struct, frozen=True):
    """The caller asks the provider to cache the prompt up to and including what carries the mark."""

    ttl: str = ""
    """`5m`, `1h`, or empty for the provider's own default."""


class Media(msgspec.Struct, frozen=True):
    """Where an image, a document, a sound or a film stands: exactly one of data, url and file_id is set."""

    mime_type: str = ""
    """Empty when the caller does not say and nothing tells."""
    data: str = ""
    """Base64, as it came."""
    url: str = ""
    """An http(s) or vendor address (`gs://…`, `s3://…`), never a `data:` one."""
    file_id: str = ""
    """The name of a file that was uploaded to a provider."""


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Text that people read."""

    text: str
    cache: CacheMark | None = None
    citations: tuple[dict[str, Any], ...] = ()
    """As the dialect in `extra.dialect` writes them."""
    signature: str = ""
    """A provider's opaque mark that must come back on this very part (Gemini's thought signature)."""
    extra: Extra | None = None


class Image(msgspec.Struct, frozen=True, tag="image"):
    """A picture."""

    media: Media
    detail: str = ""
    cache: CacheMark | None = None
    extra: Extra | None = None


class Document(msgspec.Struct, frozen=True, tag="document"):
    """A PDF, or any other file of text."""

    media: Media = Media()
    text: str = ""
    """A document given as plain text; then `media` is empty."""
    name: str = ""
    context: str = ""
    cited: bool = False
    """Whether the answer is to cite it."""
    cache: CacheMark | None = None
    extra: Extra | None = None


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """A sound; one that the model made may carry what is said in it."""

    media: Media = Media()
    transcript: str = ""
    id: str = ""
    """By which a provider finds the sound that it made earlier."""
    extra: Extra | None = None


class Video(msgspec.Struct, frozen=True, tag="video"):
    """A film."""

    media: Media
    extra: Extra | None = None


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """What the model thought before it answered.

    `signature` and `redacted` are opaque and byte-exact, and mean something only to the family of dialects and vendors
    that `vendor` names; any other target gets neither.
    """

    text: str = ""
    signature: str = ""
    redacted: str = ""
    """The whole block, encrypted: Anthropic's `redacted_thinking`, Bedrock's `redactedContent`, the `encrypted_content`
    of Responses."""
    summary: tuple[str, ...] = ()
    id: str = ""
    """The item's id in the Responses API."""
    vendor: str = ""
    """`anthropic`, `google` or `openai`; empty when the text came without any mark."""
    extra: Extra | None = None


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """The model asks for a tool to be run."""

    id: str
    name: str
    arguments: str = ""
    """JSON text as it came, also when it is broken; of a custom tool its plain input."""
    custom: bool = False
    signature: str = ""
    """A provider's opaque mark that must come back on this very call."""
    cache: CacheMark | None = None
    extra: Extra | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool gave back."""

    call_id: str
    name: str = ""
    """Of the tool, where the dialect says it."""
    parts: tuple["Part", ...] = ()
    is_error: bool = False
    custom: bool = False
    cache: CacheMark | None = None
    extra: Extra | None = None


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model says that it will not answer."""

    text: str


class Native(msgspec.Struct, frozen=True, tag="native"):
    """A part that only one dialect has (server-side tools, search results …); no other target can take it."""

    dialect: str
    value: dict[str, Any]


Part: TypeAlias = Text | Image | Document | Audio | Video | Reasoning | ToolCall | ToolResult | Refusal | Native
