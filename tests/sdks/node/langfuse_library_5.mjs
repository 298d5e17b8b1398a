// With Langfuse's JavaScript SDK of generation 5: prompts, composed ones among them, a dataset, and an experiment.
import { LangfuseClient } from "@langfuse/client";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { startActiveObservation } from "@langfuse/tracing";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const [url, key] = process.argv.slice(2);
const pair = { baseUrl: url, publicKey: "pk-lf-any", secretKey: key };
const processor = new LangfuseSpanProcessor(pair);
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const client = new LangfuseClient(pair);
await client.prompt.create({ name: "tone", type: "text", prompt: "Be kind, {{name}}.", labels: ["production"] });
await client.prompt.create({ name: "rules", type: "text", prompt: "Rules: @@@langfusePrompt:name=tone|label=production@@@", labels: ["production"] });
await client.prompt.create({ name: "ask", type: "chat", prompt: [{ role: "user", content: "{{q}}?" }], labels: ["staging"], config: { t: 1 } });
const rules = await client.prompt.get("rules");
const ask = await client.prompt.get("ask", { type: "chat", label: "staging" });
const told = { rules: rules.compile({ name: "Ada" }), ask: ask.compile({ q: "why" }), config: ask.config };
await client.prompt.update({ name: "ask", version: 1, newLabels: ["production"] });
told.moved = (await client.prompt.get("ask", { type: "chat", cacheTtlSeconds: 0 })).version;
told.fallback = (await client.prompt.get("none", { fallback: "else", maxRetries: 0 })).prompt;
await client.api.datasets.create({ name: "numbers" });
for (const n of [1, 2]) await client.api.datasetItems.create({ datasetName: "numbers", id: `item-${n}`, input: { n }, expectedOutput: n * 2 });
const dataset = await client.dataset.get("numbers");
told.items = dataset.items.map((item) => item.input.n).sort();
const result = await dataset.runExperiment({
  name: "twice",
  runName: "twice-1",
  task: async ({ input }) => startActiveObservation("work", async () => input.n * 2),
  evaluators: [async ({ output, expectedOutput }) => ({ name: "right", value: output === expectedOutput ? 1 : 0 })],
});
told.results = result.itemResults.map((one) => [one.output, one.evaluations[0].value]).sort();
await processor.forceFlush();
await provider.shutdown();
await client.flush();
console.log(JSON.stringify(told));
