/** Code that says which session and which user a call is for, by whatever an application uses already. */
export function examples(gateway: string, platform: string): { name: string; code: string }[] {
  const url = `${gateway.replace(/\/$/, "")}/v1`;
  const otlp = platform.replace(/\/$/, "");
  return [
    {
      name: "OpenAI",
      code: `import os
from openai import OpenAI

client = OpenAI(base_url="${url}", api_key=os.environ["PILOTHOUSE_KEY"])
client.chat.completions.create(
    model="account/model",
    messages=[{"role": "user", "content": "Where is my parcel?"}],
    safety_identifier="ada",  # or user="ada"
    extra_headers={"x-pilothouse-session-id": "order-1042"},
)`,
    },
    {
      name: "curl",
      code: `curl ${url}/chat/completions \\
  -H "Authorization: Bearer $PILOTHOUSE_KEY" \\
  -H "x-pilothouse-session-id: order-1042" \\
  -H "x-pilothouse-user-id: ada" \\
  -H "Content-Type: application/json" \\
  -d '{"model": "account/model",
       "messages": [{"role": "user", "content": "Where is my parcel?"}]}'`,
    },
    {
      name: "OpenTelemetry",
      code: `# OTEL_EXPORTER_OTLP_ENDPOINT=${otlp}
# OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%20$PILOTHOUSE_KEY
with tracer.start_as_current_span("answer") as span:
    span.set_attribute("session.id", "order-1042")
    span.set_attribute("user.id", "ada")`,
    },
    {
      name: "Langfuse",
      code: `# LANGFUSE_BASE_URL=${otlp} LANGFUSE_PUBLIC_KEY=pk-lf-any LANGFUSE_SECRET_KEY=$PILOTHOUSE_KEY
from langfuse import observe, propagate_attributes

@observe()
def answer(question: str) -> str:
    with propagate_attributes(session_id="order-1042", user_id="ada"):
        return ask_the_model(question)`,
    },
    {
      name: "LangSmith",
      code: `# LANGSMITH_TRACING=true LANGSMITH_ENDPOINT=${otlp} LANGSMITH_API_KEY=$PILOTHOUSE_KEY
from langsmith import traceable

@traceable
def answer(question: str) -> str:
    return ask_the_model(question)

answer(
    "Where is my parcel?",
    langsmith_extra={"metadata": {"session_id": "order-1042", "user_id": "ada"}},
)`,
    },
  ];
}
