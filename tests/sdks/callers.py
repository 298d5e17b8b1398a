"""What every SDK is asked and what it heard, in one form for all of them."""

import base64
import json
from typing import Any, Protocol

import msgspec

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n fake picture").decode()
TOOLS: dict[str, dict[str, Any]] = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
    "get_time": {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
}
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}
    for name, schema in TOOLS.items()
]
"""The tools in the form of OpenAI's chat, which others took over."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"capital": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["capital", "people"],
    "additionalProperties": False,
}


class BrokenOff(Exception):
    """A stream told of an error where its SDK has no exception of its own for it."""


class Ask(msgspec.Struct, frozen=True):
    """One question."""

    text: str = "Say hello."
    stream: bool = False
    tools: bool = False
    schema: bool = False
    image: bool = False
    thinking: bool = False


class Heard(msgspec.Struct):
    """One answer, as the SDK's own fields tell it."""

    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, Any]] = []
    """Name and decoded arguments."""
    ids: list[str] = []
    stop: str | None = None
    prompt: int | None = None
    """All input, the cached part included."""
    cached: int | None = None
    output: int | None = None
    """All output, reasoning included."""
    turn: Any = None
    """What the SDK wants back as the model's turn."""


class Caller(Protocol):
    """One SDK with one of its APIs."""

    stops: dict[str, str]
    """How the API tells `stop`, `length` and `tools`."""
    errors: tuple[type[Exception], ...]
    """What the SDK raises when a stream breaks."""
    untold: frozenset[str]
    """Fields of `Heard` that the SDK does not tell; `wait` if it hides the headers of an error; `marks` if it does not
    keep those of thoughts."""
    unstreamed: frozenset[str]
    """Fields that it tells only of whole answers; with `calls` or `schema` among them it does not stream those."""
    schema_tool: str
    """The tool by whose call it asks for a schema; empty when it asks for one straight."""
    refused: int
    """The status for a key that nobody knows."""

    async def ask(self, ask: Ask) -> Heard:
        """Ask and return what was heard."""
        ...

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        """Give the model its turn back, with the results of its calls, and return what was heard then."""
        ...

    def code(self, error: Exception) -> int:
        """Return the HTTP status of an error that the SDK raised."""
        ...

    def wait(self, error: Exception) -> str | None:
        """Return the header `retry-after` of an error that the SDK raised."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def decoded(arguments: str) -> Any:
    """Return the arguments of a call."""
    return json.loads(arguments)
