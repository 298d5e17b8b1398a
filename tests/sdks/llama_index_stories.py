"""Runs in an environment of its own: applications of LlamaIndex's, traced by OpenInference.

`python -m tests.sdks.llama_index_stories STORY PLATFORM_URL GATEWAY_URL KEY MODEL` prints the id of the trace as JSON.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai_like import OpenAILike
from openai import DefaultAsyncHttpxClient
from openinference.instrumentation import using_attributes
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry import propagate
from opentelemetry.sdk.trace import TracerProvider

from tests.sdks.story import QUESTION, House, tell, trace_id

_EMBEDDING = "text-embedding-3-small"
_DOCUMENTS = (QUESTION, "It often rains in London.", "Rome has seven hills.")
"""The first is the question itself, so that it is the nearest by any embedding."""


def _traced(house: House) -> TracerProvider:
    provider = house.provider()
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
    return provider


async def _carry(request: object) -> None:
    propagate.inject(request.headers)


def _model(house: House, **more: Any) -> OpenAILike:
    return OpenAILike(
        model=house.model, api_base=house.base_url, api_key=house.key, max_retries=0, context_window=16_000,
        is_chat_model=True, is_function_calling_model=True, http_client=house.carrier(),
        async_http_client=DefaultAsyncHttpxClient(event_hooks={"request": [_carry]}), **more,
    )  # fmt: skip


def retrieval(house: House) -> str:
    """A question that is answered out of the two nearest of three documents, embedded through the gateway."""
    provider = _traced(house)
    account = house.model.partition("/")[0]
    embedding = OpenAIEmbedding(
        model_name=f"{account}/{_EMBEDDING}", api_base=house.base_url, api_key=house.key, max_retries=0,
        http_client=house.carrier(),
    )  # fmt: skip
    documents = [Document(text=text, metadata={"page": page}) for page, text in enumerate(_DOCUMENTS)]
    with (
        provider.get_tracer("story").start_as_current_span("answer") as root,
        using_attributes(session_id="s-1", user_id="ada"),
    ):
        index = VectorStoreIndex.from_documents(documents, embed_model=embedding)
        index.as_query_engine(llm=_model(house), similarity_top_k=2).query(QUESTION)
    return trace_id(root)


def agent(house: House) -> str:
    """An agent that streams, calls a tool and answers."""
    provider = _traced(house)

    def weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"sunny in {city}"

    # an agent streams, and a stream tells of its tokens only when asked to
    model = _model(house, additional_kwargs={"stream_options": {"include_usage": True}})
    forecaster = FunctionAgent(name="forecaster", tools=[weather], llm=model)

    async def run() -> None:
        await forecaster.run(QUESTION)

    with (
        provider.get_tracer("story").start_as_current_span("answer") as root,
        using_attributes(session_id="s-1", user_id="ada"),
    ):
        asyncio.run(run())
    return trace_id(root)


STORIES: dict[str, Callable[[House], str]] = {"retrieval": retrieval, "agent": agent}


if __name__ == "__main__":
    tell(STORIES)
