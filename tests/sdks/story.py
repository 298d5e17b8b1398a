"""What the stories of traced applications share: where things are, how an application asks, how its trace is told."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from openai import DefaultHttpxClient, OpenAI
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

QUESTION = "What is the weather in Paris?"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class House:
    """Where things are."""

    def __init__(self, platform_url: str, gateway_url: str, key: str, model: str) -> None:
        self.platform_url = platform_url
        self.base_url = f"{gateway_url}/v1"
        self.gateway_url = gateway_url
        self.key = key
        self.model = model

    def processor(self) -> BatchSpanProcessor:
        """Return the official exporter, set up as our docs say."""
        headers = {"authorization": f"Bearer {self.key}"}
        return BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{self.platform_url}/v1/traces", headers=headers))

    def provider(self) -> TracerProvider:
        """Return the process's tracer provider."""
        provider = TracerProvider(resource=Resource.create({"service.name": "story"}))
        provider.add_span_processor(self.processor())
        trace.set_tracer_provider(provider)
        return provider

    def carrier(self) -> DefaultHttpxClient:
        """Return an HTTP client whose requests carry the trace on, for SDKs that nobody instruments below."""
        return DefaultHttpxClient(event_hooks={"request": [lambda request: propagate.inject(request.headers)]})

    def openai(self) -> OpenAI:
        """Return OpenAI's own client at the gateway."""
        return OpenAI(base_url=self.base_url, api_key=self.key, max_retries=0, http_client=self.carrier())

    def ask(self, client: OpenAI, **more: Any) -> Any:
        """Ask the question."""
        return client.chat.completions.create(
            model=self.model, messages=[{"role": "user", "content": QUESTION}], **more
        )


def trace_id(span: Any) -> str:
    """Return the id of a span's trace."""
    return f"{span.get_span_context().trace_id:032x}"


def flush() -> None:
    """Send what the process's tracer provider still holds."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()


def tell(stories: Mapping[str, Callable[[House], str]]) -> None:
    """Run the story that the command line names and print the id of its trace as JSON."""
    name, *places = sys.argv[1:]
    found = stories[name](House(*places))
    flush()
    sys.stdout.write(json.dumps({"trace": found}))
