// With LangSmith's JavaScript SDK: traced calls, a file, feedback, a dataset, an evaluation over it, and prompts.
import { Client } from "langsmith";
import { evaluate } from "langsmith/evaluation";
import { traceable, getCurrentRunTree } from "langsmith/traceable";

const [url, key] = process.argv.slice(2);
const client = new Client({ apiUrl: url, apiKey: key });
const told = {};
const multiply = traceable(async ({ a, b }) => a * b, { name: "multiply", run_type: "tool", client, tracingEnabled: true });
const broken = traceable(async () => { throw new Error("it broke"); }, { name: "broken", client, tracingEnabled: true });
const checkout = traceable(
  async (question) => {
    told.root = getCurrentRunTree().id;
    await multiply({ a: 6, b: 7 });
    await broken().catch(() => undefined);
    return { answer: question.toUpperCase() };
  },
  { name: "checkout", client, project_name: "shop", tags: ["a", "b"], metadata: { thread_id: "s-1", plan: "pro" }, tracingEnabled: true },
);
await checkout("hi");
await client.createFeedback(told.root, "quality", { score: 0.9, comment: "good" });
const dataset = await client.createDataset("numbers", { description: "d" });
await client.createExamples([1, 2].map((n) => ({ dataset_id: dataset.id, inputs: { n }, outputs: { n: n * 2 } })));
const results = await evaluate(async ({ n }) => ({ n: n * 2 }), {
  data: "numbers",
  client,
  experimentPrefix: "twice",
  evaluators: [async ({ outputs, referenceOutputs }) => ({ key: "right", score: outputs.n === referenceOutputs.n })],
});
told.experiment = results.experimentName;
told.rows = results.results.map((row) => [row.example.inputs.n, row.run.outputs.n, row.evaluationResults.results[0].score]).sort();
told.examples = [];
for await (const example of client.listExamples({ datasetName: "numbers" })) told.examples.push(example.inputs.n);
told.examples.sort();
const manifest = { lc: 1, type: "constructor", id: ["langchain_core", "prompts", "prompt", "PromptTemplate"], kwargs: { template: "Hi {name}", input_variables: ["name"], template_format: "f-string" } };
await client.pushPrompt("greet", { object: manifest, description: "d" });
const pulled = await client.pullPromptCommit("greet");
told.pulled = pulled.manifest.kwargs.template;
told.liked = (await client.likePrompt("greet")).likes;
await client.awaitPendingTraceBatches();
console.log(JSON.stringify(told));
