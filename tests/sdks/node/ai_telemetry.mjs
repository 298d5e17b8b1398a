// What Vercel's AI SDK tells of itself over OpenTelemetry; the third argument is an older major.
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [url, key, major] = process.argv.slice(2);
const name = major ? `ai-${major}` : "ai";
const { generateText, jsonSchema, tool, stepCountIs, isStepCount, registerTelemetry } = await import(name);
const mocks = await import(`${name}/test`);
const Model = mocks.MockLanguageModelV4 ?? mocks.MockLanguageModelV3;
const exporter = new OTLPTraceExporter({ url: `${url}/v1/traces`, headers: { authorization: `Bearer ${key}` } });
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
provider.register();
if (registerTelemetry) {
  const { OpenTelemetry } = await import("@ai-sdk/otel");
  registerTelemetry(new OpenTelemetry());
}
const usage = (input, output) => ({
  inputTokens: { total: input, noCache: input - 3, cacheRead: 3, cacheWrite: 0 },
  outputTokens: { total: output, text: output - 1, reasoning: 1 },
});
const answers = [
  { content: [{ type: "tool-call", toolCallId: "c1", toolName: "weather", input: '{"city":"Paris"}' }], finishReason: { unified: "tool-calls", raw: "tool_calls" }, usage: usage(10, 4), warnings: [] },
  { content: [{ type: "text", text: "It rains." }], finishReason: { unified: "stop", raw: "stop" }, usage: usage(20, 6), warnings: [] },
];
let turn = 0;
const model = new Model({ provider: "openai", modelId: "gpt-4o-mini", doGenerate: async () => answers[turn++] });
const weather = tool({
  description: "Weather of a city",
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
  execute: async ({ city }) => `rain in ${city}`,
});
const telemetry = { isEnabled: true, functionId: "ask-weather", metadata: { userId: "ada", sessionId: "s-1", plan: "pro" } };
const found = await generateText({
  model,
  prompt: "What is the weather in Paris?",
  tools: { weather },
  stopWhen: (stepCountIs ?? isStepCount)(3),
  ...(major ? { experimental_telemetry: telemetry } : { telemetry }),
});
await provider.forceFlush();
await provider.shutdown();
console.log(JSON.stringify({ text: found.text }));
