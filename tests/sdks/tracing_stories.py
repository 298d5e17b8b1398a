"""Runs in an environment of its own: applications as people write them, each traced by one instrumentation.

`python -m tests.sdks.tracing_stories STORY PLATFORM_URL GATEWAY_URL KEY MODEL` prints the id of the trace as JSON.
"""

from collections.abc import Callable

from opentelemetry import trace

from tests.sdks.story import QUESTION, WEATHER, House, flush, tell, trace_id


def traceloop(house: House) -> str:
    """OpenLLMetry's SDK: a workflow with a task, a call, and properties."""
    from traceloop.sdk import Traceloop  # noqa: PLC0415 - each story loads its own instrumentation only
    from traceloop.sdk.decorators import task, workflow  # noqa: PLC0415

    Traceloop.init(
        app_name="story", api_endpoint=house.platform_url, api_key=house.key, telemetry_enabled=False,
        traceloop_sync_enabled=False,
    )  # fmt: skip
    found: list[str] = []

    @task(name="ask the model")
    def asking() -> str:
        found.append(trace_id(trace.get_current_span()))
        return house.ask(house.openai()).choices[0].message.content

    @workflow(name="answer")
    def answering() -> str:
        Traceloop.set_association_properties({"user_id": "ada", "session_id": "s-1"})
        return asking()

    answering()
    flush()
    return found[0]


def openai_v2(house: House) -> str:
    """OpenTelemetry's own instrumentation: a call and a stream."""
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # noqa: PLC0415

    provider = house.provider()
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    client = house.openai()
    with provider.get_tracer("story").start_as_current_span("answer") as root:
        house.ask(client)
        for _ in house.ask(client, stream=True, stream_options={"include_usage": True}):
            pass
    return trace_id(root)


def openinference_openai(house: House) -> str:
    """OpenInference over OpenAI's SDK, with a tool."""
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415

    provider = house.provider()
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with provider.get_tracer("story").start_as_current_span("answer") as root:
        house.ask(house.openai(), tools=[WEATHER])
    return trace_id(root)


def openinference_anthropic(house: House) -> str:
    """OpenInference over Anthropic's SDK, which the gateway serves too."""
    from anthropic import Anthropic  # noqa: PLC0415
    from openinference.instrumentation.anthropic import AnthropicInstrumentor  # noqa: PLC0415

    provider = house.provider()
    AnthropicInstrumentor().instrument(tracer_provider=provider)
    client = Anthropic(base_url=house.gateway_url, api_key=house.key, max_retries=0)
    with provider.get_tracer("story").start_as_current_span("answer") as root:
        client.messages.create(model=house.model, max_tokens=100, messages=[{"role": "user", "content": QUESTION}])
    return trace_id(root)


def langgraph(house: House) -> str:
    """A graph of LangGraph with a node that calls a model of LangChain's, traced by OpenInference."""
    from langchain_openai import ChatOpenAI  # noqa: PLC0415
    from langgraph.graph import END, START, MessagesState, StateGraph  # noqa: PLC0415
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415

    provider = house.provider()
    LangChainInstrumentor().instrument(tracer_provider=provider)
    model = ChatOpenAI(
        model=house.model,
        base_url=house.base_url,
        api_key=house.key,
        max_retries=0,
        http_client=house.carrier(),
    )
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    graph.add_edge(START, "model")
    graph.add_edge("model", END)
    with provider.get_tracer("story").start_as_current_span("answer") as root:
        graph.compile().invoke({"messages": [{"role": "user", "content": QUESTION}]})
    return trace_id(root)


def logfire(house: House) -> str:
    """Logfire with its own instrumentation of OpenAI's SDK, sending nothing to its makers."""
    import logfire as fire  # noqa: PLC0415

    fire.configure(
        send_to_logfire=False, console=False, service_name="story", additional_span_processors=[house.processor()]
    )
    client = house.openai()
    fire.instrument_openai(client)
    with fire.span("answer") as root:
        house.ask(client)
    fire.force_flush()
    return f"{root.context.trace_id:032x}"


def pydantic_ai(house: House) -> str:
    """An agent of Pydantic AI with a tool, traced by Logfire."""
    import logfire as fire  # noqa: PLC0415
    from pydantic_ai import Agent  # noqa: PLC0415
    from pydantic_ai.models.openai import OpenAIChatModel  # noqa: PLC0415
    from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415

    fire.configure(
        send_to_logfire=False, console=False, service_name="story", additional_span_processors=[house.processor()]
    )
    fire.instrument_pydantic_ai()
    fire.instrument_httpx()
    model = OpenAIChatModel(house.model, provider=OpenAIProvider(base_url=house.base_url, api_key=house.key))
    agent = Agent(model, name="forecaster")

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"sunny in {city}"

    with fire.span("answer") as root:
        agent.run_sync(QUESTION)
    fire.force_flush()
    return f"{root.context.trace_id:032x}"


def dspy(house: House) -> str:
    """A program of DSPy's, traced by OpenInference; LiteLLM below it makes the calls."""
    import dspy as program  # noqa: PLC0415
    import litellm  # noqa: PLC0415
    from openinference.instrumentation.dspy import DSPyInstrumentor  # noqa: PLC0415

    provider = house.provider()
    DSPyInstrumentor().instrument(tracer_provider=provider)
    litellm.client_session = house.carrier()
    lm = program.LM(
        f"openai/{house.model}",
        api_base=house.base_url,
        api_key=house.key,
        cache=False,
        num_retries=0,
        engine="litellm",
    )
    with provider.get_tracer("story").start_as_current_span("answer") as root, program.context(lm=lm):
        program.ChainOfThought("question -> answer")(question=QUESTION)
    return trace_id(root)


def smolagents(house: House) -> str:
    """An agent of smolagents that calls a tool, traced by OpenInference."""
    from openinference.instrumentation.smolagents import SmolagentsInstrumentor  # noqa: PLC0415
    from smolagents import OpenAIServerModel, ToolCallingAgent, tool  # noqa: PLC0415

    provider = house.provider()
    SmolagentsInstrumentor().instrument(tracer_provider=provider)

    @tool
    def weather(city: str) -> str:
        """Tell the weather.

        Args:
            city: Of which city.
        """
        return f"sunny in {city}"

    model = OpenAIServerModel(
        house.model, api_base=house.base_url, api_key=house.key, client_kwargs={"http_client": house.carrier()}
    )
    with provider.get_tracer("story").start_as_current_span("answer") as root:
        ToolCallingAgent(tools=[weather], model=model, max_steps=4, verbosity_level=0).run(QUESTION)
    return trace_id(root)


STORIES: dict[str, Callable[[House], str]] = {
    story.__name__: story
    for story in (
        traceloop, openai_v2, openinference_openai, openinference_anthropic, langgraph, logfire, pydantic_ai, dspy,
        smolagents,
    )
}  # fmt: skip


if __name__ == "__main__":
    tell(STORIES)
