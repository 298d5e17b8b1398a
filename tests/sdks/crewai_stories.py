"""Runs in an environment of its own: a crew of CrewAI's with a tool, traced by one instrumentation or another.

`python -m tests.sdks.crewai_stories STORY PLATFORM_URL GATEWAY_URL KEY MODEL` prints the id of the trace as JSON.
"""

from collections.abc import Callable

import httpx
from crewai import LLM, Agent, Crew, Task
from crewai.llms.hooks.base import BaseInterceptor
from crewai.tools import tool
from openinference.instrumentation import using_attributes
from openinference.instrumentation.crewai import CrewAIInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import propagate
from opentelemetry.instrumentation.crewai import CrewAIInstrumentor as TraceloopInstrumentor
from opentelemetry.instrumentation.openai import OpenAIInstrumentor as TraceloopOpenAI
from opentelemetry.sdk.trace import TracerProvider

from tests.sdks.story import QUESTION, House, tell, trace_id


class Carrier(BaseInterceptor[httpx.Request, httpx.Response]):
    """Carries the trace on to the gateway."""

    def on_outbound(self, message: httpx.Request) -> httpx.Request:
        """Add the headers of the trace."""
        propagate.inject(message.headers)
        return message

    def on_inbound(self, message: httpx.Response) -> httpx.Response:
        """Return the answer as it is."""
        return message


@tool("weather")
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return f"sunny in {city}"


def _run(house: House, provider: TracerProvider) -> str:
    model = LLM(model=house.model, provider="openai", base_url=house.base_url, api_key=house.key, interceptor=Carrier())
    agent = Agent(role="forecaster", goal="Tell the weather.", backstory="You are exact.", llm=model, tools=[weather])
    task = Task(name="forecast", description=QUESTION, expected_output="One sentence.", agent=agent)
    with (
        provider.get_tracer("story").start_as_current_span("answer") as root,
        using_attributes(session_id="s-1", user_id="ada"),
    ):
        Crew(name="forecasters", agents=[agent], tasks=[task]).kickoff()
    return trace_id(root)


def wrapped(house: House) -> str:
    """By OpenInference's wrappers, and its instrumentation of OpenAI's SDK for the calls."""
    provider = house.provider()
    CrewAIInstrumentor().instrument(tracer_provider=provider)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    return _run(house, provider)


def listened(house: House) -> str:
    """By OpenInference's listener to the crew's own events, which tells of the calls too."""
    provider = house.provider()
    CrewAIInstrumentor().instrument(tracer_provider=provider, use_event_listener=True)
    return _run(house, provider)


def traceloop(house: House) -> str:
    """By OpenLLMetry's instrumentations of CrewAI and of OpenAI's SDK."""
    provider = house.provider()
    TraceloopInstrumentor().instrument(tracer_provider=provider)
    TraceloopOpenAI().instrument(tracer_provider=provider)
    return _run(house, provider)


STORIES: dict[str, Callable[[House], str]] = {"wrapped": wrapped, "listened": listened, "traceloop": traceloop}


if __name__ == "__main__":
    tell(STORIES)
