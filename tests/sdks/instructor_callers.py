"""Instructor, which makes typed objects of what a model says, in its several ways."""

from typing import Any, ClassVar

import anthropic
import instructor
import openai
from instructor.core.exceptions import InstructorError
from pydantic import BaseModel

from tests.sdks.callers import PICTURE, Ask, Heard


class Place(BaseModel):
    """A place."""

    capital: str
    people: int


class _Instructor:
    """It tells nothing but the object."""

    stops: ClassVar = {"stop": ""}
    errors = (InstructorError, openai.APIError, anthropic.APIError)
    untold: ClassVar = frozenset({"stop"})
    unstreamed: ClassVar = frozenset[str]()
    schema_tool = "Place"
    refused = 401
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self, url: str, key: str, model: str) -> None:
        self._client: Any = self.client(url, key)
        self._model = model

    def client(self, url: str, key: str) -> Any:
        """Return Instructor around an SDK."""
        raise NotImplementedError

    def code(self, error: Exception) -> int:
        return _cause(error).status_code

    def wait(self, error: Exception) -> str | None:
        return _cause(error).response.headers.get("retry-after")

    async def close(self) -> None:
        """Instructor keeps the SDK's client."""

    async def ask(self, ask: Ask) -> Heard:
        content: list[Any] = [ask.text]
        if ask.image:
            content.append(instructor.Image.from_base64(f"data:image/png;base64,{PICTURE}"))
        fields = {"model": self._model, "messages": [{"role": "user", "content": content}], **self.options}
        if not ask.schema:
            return Heard(_text(await self._client.create(response_model=None, **fields)))
        if not ask.stream:
            return Heard((await self._client.create(response_model=Place, max_retries=0, **fields)).model_dump_json())
        last: Any = None
        async for piece in self._client.create_partial(response_model=Place, max_retries=0, **fields):
            last = piece
        return Heard(Place.model_validate(last.model_dump()).model_dump_json())

    async def results(self, ask: Ask, heard: Heard, results: list[str]) -> Heard:
        raise NotImplementedError


class Tools(_Instructor):
    """OpenAI's chat by the call of a tool."""

    mode = instructor.Mode.TOOLS

    def client(self, url: str, key: str) -> Any:
        return instructor.from_openai(
            openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1", max_retries=0), mode=self.mode
        )  # fmt: skip


class Schema(Tools):
    """OpenAI's chat by a schema."""

    schema_tool = ""
    mode = instructor.Mode.JSON_SCHEMA


class Responses(Tools):
    """The Responses API by the call of a tool."""

    mode = instructor.Mode.RESPONSES_TOOLS


class Messages(_Instructor):
    """Messages by the call of a tool."""

    options: ClassVar = {"max_tokens": 4096}

    def client(self, url: str, key: str) -> Any:
        return instructor.from_anthropic(anthropic.AsyncAnthropic(api_key=key, base_url=url, max_retries=0))


def _text(answer: Any) -> str:
    if hasattr(answer, "choices"):
        return answer.choices[0].message.content
    return answer.output_text if hasattr(answer, "output_text") else answer.content[0].text


def _cause(error: Exception) -> Any:
    """Return the SDK's error out of Instructor's."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, openai.APIStatusError | anthropic.APIStatusError):
        found = found.__cause__ or (found.args[0] if found.args and isinstance(found.args[0], Exception) else None)
    assert found is not None, repr(error)
    return found
