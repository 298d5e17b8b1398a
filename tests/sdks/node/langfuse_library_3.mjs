// With Langfuse's JavaScript SDK of generation 3: prompts, composed ones among them, a dataset, and a run over it.
import { Langfuse } from "langfuse";

const [url, key] = process.argv.slice(2);
const langfuse = new Langfuse({ baseUrl: url, publicKey: "pk-lf-any", secretKey: key });
await langfuse.createPrompt({ name: "tone", type: "text", prompt: "Be kind, {{name}}.", labels: ["production"] });
await langfuse.createPrompt({ name: "rules", type: "text", prompt: "Rules: @@@langfusePrompt:name=tone|label=production@@@", labels: ["production"] });
await langfuse.createPrompt({ name: "ask", type: "chat", prompt: [{ role: "user", content: "{{q}}?" }], labels: ["staging"], config: { t: 1 } });
const rules = await langfuse.getPrompt("rules");
const ask = await langfuse.getPrompt("ask", undefined, { type: "chat", label: "staging" });
const told = { rules: rules.compile({ name: "Ada" }), ask: ask.compile({ q: "why" }), config: ask.config };
await langfuse.updatePrompt({ name: "ask", version: 1, newLabels: ["production"] });
told.moved = (await langfuse.getPrompt("ask", undefined, { type: "chat", cacheTtlSeconds: 0 })).version;
told.fallback = (await langfuse.getPrompt("none", undefined, { fallback: "else", maxRetries: 0 })).prompt;
await langfuse.createDataset("numbers");
for (const n of [1, 2]) await langfuse.createDatasetItem({ datasetName: "numbers", id: `item-${n}`, input: { n }, expectedOutput: n * 2 });
const dataset = await langfuse.getDataset("numbers");
told.items = dataset.items.map((item) => item.input.n).sort();
told.results = [];
for (const item of dataset.items) {
  const trace = langfuse.trace({ name: "work", input: item.input, output: item.input.n * 2 });
  await item.link(trace, "twice-1");
  trace.score({ name: "right", value: 1 });
  told.results.push([item.input.n * 2, 1]);
}
told.results.sort();
await langfuse.fetchTraces({ limit: 1 });
await langfuse.shutdownAsync();
console.log(JSON.stringify(told));
