// The relay of tests/sdks/relay.py for the AI SDK: orders as lines on standard input, reports on standard output.
// The first argument is what it may ask with: {"tools": …, "schema": …, "picture": …}; the second an older major.

import { createInterface } from "node:readline";

const major = process.argv[3];
const { createAmazonBedrock } = await provider("amazon-bedrock");
const { createAnthropic } = await provider("anthropic");
const { createGoogleGenerativeAI } = await provider("google");
const { createOpenAI } = await provider("openai");
const { createOpenAICompatible } = await provider("openai-compatible");
const { APICallError, Output, generateText, jsonSchema, streamText, tool } = await import(major ? `ai-${major}` : "ai");

function provider(name) {
  return import(major ? `ai-${major}-${name}` : `@ai-sdk/${name}`);
}

globalThis.AI_SDK_LOG_WARNINGS = false;

const given = JSON.parse(process.argv[2]);
const tools = Object.fromEntries(
  Object.entries(given.tools).map(([name, schema]) => [
    name,
    tool({ description: name, inputSchema: jsonSchema(schema) }),
  ]),
);
const stops = { stop: "stop", length: "length", tools: "tool-calls" };

const callers = {
  "openai-chat": {
    model: ({ url, key, model }) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).chat(model),
    thinking: { openai: { reasoningEffort: "low", forceReasoning: true } },
    untold: ["reasoning", "marks"],
  },
  "openai-responses": {
    model: ({ url, key, model }) => createOpenAI({ baseURL: `${url}/v1`, apiKey: key }).responses(model),
    thinking: { openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true, store: false } },
  },
  "openai-compatible": {
    model: ({ url, key, model }) =>
      createOpenAICompatible({
        name: "pilothouse",
        baseURL: `${url}/v1`,
        apiKey: key,
        includeUsage: true,
        supportsStructuredOutputs: true,
      })(model),
    thinking: { pilothouse: { reasoningEffort: "low" } },
    untold: ["marks"],
  },
  anthropic: {
    model: ({ url, key, model }) => createAnthropic({ baseURL: `${url}/v1`, apiKey: key })(model),
    thinking: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } },
  },
  google: {
    model: ({ url, key, model }) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key })(model),
    thinking: { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } },
  },
  "amazon-bedrock": {
    model: ({ url, key, model }) =>
      createAmazonBedrock({ baseURL: url, region: "eu-central-1", accessKeyId: key, secretAccessKey: "any" })(model),
    thinking: { bedrock: { reasoningConfig: { type: "enabled", budgetTokens: 1024 } } },
    refused: 403,
  },
};

let caller, model, asked, heard, turns;

async function obey({ opening, ask, results }) {
  if (opening) {
    caller = callers[opening.caller];
    model = caller.model(opening);
    return {
      stops,
      untold: caller.untold ?? [],
      unstreamed: caller.unstreamed ?? [],
      refused: caller.refused ?? 401,
    };
  }
  try {
    if (results) {
      const content = heard.toolCalls.map(({ toolCallId, toolName }, place) => ({
        type: "tool-result",
        toolCallId,
        toolName,
        output: { type: "text", value: results[place] },
      }));
      return { heard: await send([question(asked), ...turns, { role: "tool", content }]) };
    }
    asked = ask;
    return { heard: await send([question(ask)]) };
  } catch (error) {
    return { problem: problem(error) };
  }
}

function question({ text, image }) {
  const content = [{ type: "text", text }];
  if (image) content.push({ type: "image", image: given.picture, mediaType: "image/png" });
  return { role: "user", content };
}

async function send(messages) {
  const options = {
    model,
    messages,
    maxRetries: 0,
    maxOutputTokens: 4096,
    ...(asked.tools && { tools }),
    ...(asked.thinking && { providerOptions: caller.thinking }),
    ...(asked.schema && { output: Output.object({ schema: jsonSchema(given.schema), name: "place" }) }),
  };
  heard = asked.stream ? await streamed(options) : await generateText(options);
  turns = heard.response.messages;
  return {
    text: heard.text,
    reasoning: heard.reasoningText ?? "",
    calls: heard.toolCalls.map(({ toolName, input }) => [toolName, input]),
    ids: heard.toolCalls.map(({ toolCallId }) => toolCallId),
    stop: heard.finishReason,
    prompt: heard.usage.inputTokens,
    cached: heard.usage.inputTokenDetails.cacheReadTokens ?? null,
    output: heard.usage.outputTokens,
  };
}

async function streamed(options) {
  const stream = streamText({ ...options, onError: () => {} });
  for await (const part of stream.fullStream) {
    if (part.type === "error") throw part.error;
  }
  const names = ["text", "reasoningText", "toolCalls", "finishReason", "usage", "response"];
  const values = await Promise.all(names.map((name) => stream[name]));
  return Object.fromEntries(names.map((name, place) => [name, values[place]]));
}

function problem(error) {
  const told = APICallError.isInstance(error) ? error : undefined;
  return {
    kind: error?.name ?? typeof error,
    text: String(error?.message ?? JSON.stringify(error)).slice(0, 2000),
    known: ![TypeError, ReferenceError, RangeError].some((slip) => error instanceof slip),
    status: told?.statusCode ?? null,
    wait: told?.responseHeaders?.["retry-after"] ?? null,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await obey(JSON.parse(line)))}\n`);
}
