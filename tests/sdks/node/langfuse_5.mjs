// Tells the story of tests/compat/langfuse_story.py with Langfuse's JavaScript SDK of generation 5, over OpenTelemetry.
import { LangfuseClient } from "@langfuse/client";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { propagateAttributes, startActiveObservation } from "@langfuse/tracing";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [url, key] = process.argv.slice(2);
const pair = { baseUrl: url, publicKey: "pk-lf-any", secretKey: key };
const processor = new LangfuseSpanProcessor({ ...pair, release: "r1", environment: "test" });
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const about = { traceName: "checkout", userId: "ada", sessionId: "s-1", tags: ["a", "b"], metadata: { plan: "pro" }, version: "7" };
const told = {};
await propagateAttributes(about, async () =>
  startActiveObservation("fetch", async (span) => {
    span.update({ input: { k: 1 }, output: { v: 2 }, metadata: { m: "x" } });
    const said = { model: "gpt-4o-mini", modelParameters: { temperature: 0.5 }, input: [{ role: "user", content: "Hello" }] };
    const answer = span.startObservation("answer", said, { asType: "generation" });
    const usageDetails = { input: 7, cache_read_input_tokens: 3, output: 4, output_reasoning_tokens: 1 };
    answer.update({ completionStartTime: new Date(), output: { role: "assistant", content: "Hi!" }, usageDetails, costDetails: { input: 0.001, output: 0.002 } });
    answer.end();
    span.startObservation("clicked", { level: "WARNING", statusMessage: "careful", input: 1 }, { asType: "event" });
    span.startObservation("broken", { level: "ERROR", statusMessage: "it broke" }).end();
    Object.assign(told, { trace: span.traceId, generation: answer.id });
  }),
);
await processor.forceFlush();
await provider.shutdown();
const client = new LangfuseClient(pair);
client.score.create({ traceId: told.trace, name: "quality", value: 0.9, comment: "good" });
client.score.create({ traceId: told.trace, observationId: told.generation, name: "kind", value: "great", dataType: "CATEGORICAL" });
await client.score.flush();
console.log(JSON.stringify({ ...told, checked: true }));
