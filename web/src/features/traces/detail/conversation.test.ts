import { describe, expect, it } from "vitest";
import { readConversation, readEmbeddings, splitPictures } from "./conversation";

const read = (input: unknown, output: unknown = "") =>
  readConversation(typeof input === "string" ? input : JSON.stringify(input), typeof output === "string" ? output : JSON.stringify(output));

describe("OpenAI chat", () => {
  const request = {
    model: "gpt-5",
    temperature: 0.2,
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "Look" }, { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }] },
      { role: "assistant", content: null, tool_calls: [{ id: "c1", type: "function", function: { name: "find", arguments: '{"a":1}' } }] },
      { role: "tool", tool_call_id: "c1", content: "found" },
    ],
    tools: [{ type: "function", function: { name: "find", description: "Finds", parameters: { type: "object" } } }],
  };
  const answer = { choices: [{ message: { role: "assistant", reasoning_content: "hm", content: "Here", refusal: null } }] };

  it("is read whole", () => {
    const conversation = read(request, answer);
    expect(conversation?.messages.map((message) => message.role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(conversation?.messages[1]?.parts).toEqual([{ type: "text", text: "Look" }, { type: "image", url: "data:image/png;base64,AA==" }]);
    expect(conversation?.messages[2]?.toolCalls).toEqual([{ id: "c1", name: "find", arguments: '{"a":1}' }]);
    expect(conversation?.messages[3]?.answers).toBe("c1");
    expect(conversation?.replies[0]?.parts).toEqual([{ type: "reasoning", text: "hm" }, { type: "text", text: "Here" }]);
    expect(conversation?.tools[0]?.name).toBe("find");
    expect(conversation?.parameters).toEqual([["temperature", "0.2"]]);
  });
  it("shows refusals and the older function calls", () => {
    expect(read(request, { choices: [{ message: { role: "assistant", content: null, refusal: "No." } }] })?.replies[0]?.parts).toEqual([{ type: "refusal", text: "No." }]);
    expect(read(request, { choices: [{ message: { role: "assistant", function_call: { name: "f", arguments: "{}" } } }] })?.replies[0]?.toolCalls[0]?.name).toBe("f");
  });
});

describe("other shapes", () => {
  it("Anthropic messages", () => {
    const conversation = read(
      { system: "S", messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t1", content: "ok" }] }] },
      { role: "assistant", content: [{ type: "thinking", thinking: "hm" }, { type: "text", text: "hi" }, { type: "tool_use", id: "t2", name: "f", input: { a: 1 } }] },
    );
    expect(conversation?.messages.map((message) => message.role)).toEqual(["system", "tool"]);
    expect(conversation?.replies[0]?.toolCalls).toEqual([{ id: "t2", name: "f", arguments: '{"a":1}' }]);
    expect(conversation?.replies[0]?.parts[0]).toEqual({ type: "reasoning", text: "hm" });
  });
  it("Mistral's thoughts and Cohere's answers", () => {
    const asked = { messages: [{ role: "user", content: "hi" }] };
    const content = [{ type: "thinking", thinking: [{ type: "text", text: "h" }, { type: "text", text: "m" }] }, { type: "text", text: "hi" }];
    const parts = [{ type: "reasoning", text: "hm" }, { type: "text", text: "hi" }];
    expect(read(asked, { choices: [{ message: { role: "assistant", content } }] })?.replies[0]?.parts).toEqual(parts);
    const said = [{ type: "thinking", thinking: "hm" }, { type: "text", text: "hi" }];
    expect(read(asked, { finish_reason: "COMPLETE", message: { role: "assistant", content: said } })?.replies[0]?.parts).toEqual(parts);
    const planned = { role: "assistant", tool_plan: "I look.", tool_calls: [{ id: "c", function: { name: "f", arguments: "{}" } }] };
    const reply = read(asked, { finish_reason: "TOOL_CALL", message: planned })?.replies[0];
    expect([reply?.parts, reply?.toolCalls]).toEqual([[{ type: "text", text: "I look." }], [{ id: "c", name: "f", arguments: "{}" }]]);
  });
  it("plain text on both sides", () => {
    const conversation = read("hello", "hi there");
    expect(conversation?.messages[0]).toMatchObject({ role: "user", parts: [{ type: "text", text: "hello" }] });
    expect(conversation?.replies[0]).toMatchObject({ role: "assistant" });
  });
  it("a list of messages", () => expect(read([{ role: "user", content: "x" }])?.messages).toHaveLength(1));
  it("is not a conversation when it is data", () => {
    expect(read({ customer_id: 3 }, { invoices: 2 })).toBeNull();
    expect(read("", "")).toBeNull();
  });
  it.each([null, 3, { messages: [null, 3, "x"] }, { messages: [{ role: 3, content: { odd: true } }] }, { choices: "no" }])("does not fall over %o", (odd) => {
    expect(() => read(odd as never, odd as never)).not.toThrow();
  });
});

describe("embeddings", () => {
  it("are inputs and sizes, never numbers", () => {
    const vector = Array.from({ length: 1536 }, (_value, index) => Math.sin(index));
    const result = readEmbeddings(JSON.stringify({ model: "m", input: ["a", "b"] }), JSON.stringify({ data: [{ embedding: vector }, { embedding: [3, 4] }] }));
    expect(result?.inputs).toEqual(["a", "b"]);
    expect(result?.vectors[0]?.size).toBe(1536);
    expect(result?.vectors[0]?.strip).toHaveLength(64);
    expect(result?.vectors[1]).toMatchObject({ size: 2, norm: 5 });
  });
  it("reads base64 vectors and token ids", () => {
    const base64 = Buffer.from(new Float32Array([0.5, -0.5]).buffer).toString("base64");
    const result = readEmbeddings(JSON.stringify({ input: [1, 2, 3] }), JSON.stringify({ data: [{ embedding: base64 }] }));
    expect(result?.inputs).toEqual(["3 token ids"]);
    expect(result?.vectors[0]?.head).toEqual([0.5, -0.5]);
  });
});

describe("Gemini", () => {
  it("is read with calls, thoughts and pictures", () => {
    const conversation = read(
      {
        systemInstruction: { parts: [{ text: "Be brief." }] },
        contents: [
          { role: "user", parts: [{ text: "Look" }, { inlineData: { mimeType: "image/png", data: "AA==" } }] },
          { role: "model", parts: [{ text: "hm", thought: true }, { functionCall: { name: "find", args: { a: 1 } } }] },
          { role: "user", parts: [{ functionResponse: { name: "find", response: { b: 2 } } }] },
        ],
        tools: [{ functionDeclarations: [{ name: "find", description: "Finds", parameters: { type: "OBJECT" } }] }],
        generationConfig: { temperature: 0 },
      },
      { candidates: [{ content: { role: "model", parts: [{ text: "Here" }] } }] },
    );
    expect(conversation?.messages.map((message) => message.role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(conversation?.messages[1]?.parts[1]).toEqual({ type: "image", url: "data:image/png;base64,AA==" });
    expect(conversation?.messages[2]?.parts).toEqual([{ type: "reasoning", text: "hm" }]);
    expect(conversation?.messages[2]?.toolCalls).toEqual([{ id: "find", name: "find", arguments: '{"a":1}' }]);
    expect(conversation?.messages[3]?.answers).toBe("find");
    expect(conversation?.replies[0]?.parts).toEqual([{ type: "text", text: "Here" }]);
    expect(conversation?.tools[0]?.name).toBe("find");
    expect(conversation?.parameters).toEqual([["generationConfig", '{"temperature":0}']]);
  });
});

describe("Bedrock Converse", () => {
  it("is read with calls, results and reasoning", () => {
    const conversation = read(
      {
        system: [{ text: "Be brief." }],
        messages: [
          { role: "user", content: [{ text: "Look" }, { image: { format: "png", source: { bytes: "AA==" } } }, { cachePoint: { type: "default" } }] },
          { role: "assistant", content: [{ toolUse: { toolUseId: "t1", name: "find", input: { a: 1 } } }] },
          { role: "user", content: [{ toolResult: { toolUseId: "t1", content: [{ text: "found" }] } }] },
        ],
        toolConfig: { tools: [{ toolSpec: { name: "find", inputSchema: { json: { type: "object" } } } }] },
      },
      { output: { message: { role: "assistant", content: [{ reasoningContent: { reasoningText: { text: "hm" } } }, { text: "Here" }] } } },
    );
    expect(conversation?.messages.map((message) => message.role)).toEqual(["system", "user", "assistant", "tool"]);
    expect(conversation?.messages[1]?.parts).toEqual([{ type: "text", text: "Look" }, { type: "image", url: "data:image/png;base64,AA==" }]);
    expect(conversation?.messages[2]?.toolCalls[0]?.id).toBe("t1");
    expect(conversation?.messages[3]?.parts).toEqual([{ type: "text", text: "found" }]);
    expect(conversation?.replies[0]?.parts).toEqual([{ type: "reasoning", text: "hm" }, { type: "text", text: "Here" }]);
    expect(conversation?.tools[0]?.name).toBe("find");
  });
});

it("takes pictures out of text, so that their base64 is never drawn as words", () => {
  const url = `data:image/png;base64,${"iVBO".repeat(40)}==`;
  expect(splitPictures(`before ![a](${url}) between ${url} after`)).toEqual([
    { type: "text", text: "before " },
    { type: "image", url },
    { type: "text", text: " between " },
    { type: "image", url },
    { type: "text", text: " after" },
  ]);
  expect(splitPictures("no ;base64, here")).toEqual([{ type: "text", text: "no ;base64, here" }]);
});

it("reads OpenTelemetry's blobs", () => {
  const found = readConversation(JSON.stringify([{ role: "user", parts: [{ type: "blob", modality: "image", mime_type: "image/png", content: "AAAA" }] }]), "");
  expect(found?.messages[0]?.parts).toEqual([{ type: "image", url: "data:image/png;base64,AAAA" }]);
});
