// Tells the story of tests/compat/langfuse_story.py with Langfuse's JavaScript SDK of generation 3.
import { Langfuse } from "langfuse";

const [url, key] = process.argv.slice(2);
const langfuse = new Langfuse({ baseUrl: url, publicKey: "pk-lf-any", secretKey: key, release: "r1", environment: "test" });
const about = { userId: "ada", sessionId: "s-1", tags: ["a", "b"], metadata: { plan: "pro" }, version: "7" };
const trace = langfuse.trace({ name: "checkout", ...about, input: { q: "hi" } });
const span = trace.span({ name: "fetch", input: { k: 1 }, metadata: { m: "x" } });
const messages = [{ role: "user", content: "Hello" }];
const answer = span.generation({ name: "answer", model: "gpt-4o-mini", modelParameters: { temperature: 0.5 }, input: messages });
answer.update({ completionStartTime: new Date() });
const usageDetails = { input: 7, cache_read_input_tokens: 3, output: 4, output_reasoning_tokens: 1 };
answer.end({ output: { role: "assistant", content: "Hi!" }, usageDetails, costDetails: { input: 0.001, output: 0.002 } });
span.event({ name: "clicked", level: "WARNING", statusMessage: "careful", input: 1 });
span.span({ name: "broken" }).end({ level: "ERROR", statusMessage: "it broke" });
span.end({ output: { v: 2 } });
trace.update({ output: "done" });
trace.score({ name: "quality", value: 0.9, comment: "good" });
answer.score({ name: "kind", value: "great", dataType: "CATEGORICAL" });
await langfuse.shutdownAsync();
console.log(JSON.stringify({ trace: trace.id, generation: answer.id, checked: true }));
