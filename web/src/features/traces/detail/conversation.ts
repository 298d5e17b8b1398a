/** What was said, out of the recorded input and output in whatever shape they came. */
import { parseJson, type Json } from "@/ui/json/model";

export type Part =
  | { type: "text"; text: string }
  | { type: "image"; url: string }
  | { type: "reasoning"; text: string }
  | { type: "refusal"; text: string }
  | { type: "file"; label: string }
  | { type: "json"; value: Json };

export interface ToolCall {
  id: string;
  name: string;
  /** As sent: JSON text, or text that should have been JSON. */
  arguments: string;
}

export interface Message {
  role: string;
  name: string;
  parts: Part[];
  toolCalls: ToolCall[];
  /** Of a tool's answer: the call it answers. */
  answers: string;
}

export interface Tool {
  name: string;
  description: string;
  schema: string;
}

export interface Conversation {
  messages: Message[];
  replies: Message[];
  tools: Tool[];
  /** Request parameters besides the conversation, such as temperature. */
  parameters: [string, string][];
}

export interface Embeddings {
  model: string;
  inputs: string[];
  /** One per input; empty when the answer was not kept. */
  vectors: { size: number; head: number[]; norm: number | null; strip: number[] }[];
}

type Obj = Record<string, Json>;
const isObject = (value: Json | undefined): value is Obj => typeof value === "object" && value !== null && !Array.isArray(value);
const str = (value: Json | undefined): string => (typeof value === "string" ? value : "");
const parsed = (text: string): Json | undefined => {
  const result = parseJson(text);
  return result.ok ? result.value : undefined;
};

const CONTENT_FIELDS = new Set(["messages", "tools", "model", "input", "prompt", "system", "instructions", "stream", "stream_options", "metadata", "user"]);

/** Null when neither side reads as a conversation. */
export function readConversation(input: string, output: string): Conversation | null {
  const request = parsed(input);
  const messages = readRequest(request, input);
  const replies = readReplies(parsed(output), output);
  if (messages.length === 0 && replies.length === 0) return null;
  return { messages, replies, tools: isObject(request) ? readTools(request.tools) : [], parameters: isObject(request) ? readParameters(request) : [] };
}

function readRequest(request: Json | undefined, raw: string): Message[] {
  if (Array.isArray(request)) return request.every(looksLikeMessage) ? request.map(readMessage) : [];
  if (!isObject(request)) return typeof request === "string" || (raw.trim() !== "" && request === undefined) ? [plain("user", typeof request === "string" ? request : raw)] : [];
  const system = request.system ?? request.instructions;
  const lead = system === undefined || system === null ? [] : [{ ...plain("system", ""), parts: readContent(system) }];
  if (Array.isArray(request.messages)) return [...lead, ...request.messages.filter(isObject).map(readMessage)];
  if (Array.isArray(request.input) && request.input.every(isObject)) return [...lead, ...request.input.map(readMessage)];
  const text = str(request.prompt) || str(request.input) || str(request.question) || str(request.query);
  if (text !== "") return [...lead, plain("user", text)];
  return looksLikeMessage(request) ? [readMessage(request)] : lead;
}

function readReplies(answer: Json | undefined, raw: string): Message[] {
  if (Array.isArray(answer)) return answer.length > 0 && answer.every(looksLikeMessage) ? answer.map(readMessage) : [];
  if (!isObject(answer)) return typeof answer === "string" || (raw.trim() !== "" && answer === undefined) ? [plain("assistant", typeof answer === "string" ? answer : raw)] : [];
  if (Array.isArray(answer.choices)) {
    return answer.choices.filter(isObject).flatMap((choice) => {
      if (isObject(choice.message)) return [readMessage(choice.message)];
      return str(choice.text) === "" ? [] : [plain("assistant", str(choice.text))];
    });
  }
  if (Array.isArray(answer.output)) return answer.output.filter(isObject).map(readMessage);
  if (looksLikeMessage(answer)) return [readMessage(answer)];
  const text = str(answer.output) || str(answer.text) || str(answer.answer) || str(answer.output_text);
  return text === "" ? [] : [plain("assistant", text)];
}

function looksLikeMessage(value: Json): boolean {
  return isObject(value) && typeof value.role === "string" && ("content" in value || "tool_calls" in value || "parts" in value);
}

function plain(role: string, text: string): Message {
  return { role, name: "", parts: text === "" ? [] : [{ type: "text", text }], toolCalls: [], answers: "" };
}

function readMessage(value: Json): Message {
  if (!isObject(value)) return plain("user", JSON.stringify(value));
  if (value.type === "function_call") {
    return { ...plain("assistant", ""), toolCalls: [{ id: str(value.call_id), name: str(value.name), arguments: str(value.arguments) }] };
  }
  if (value.type === "function_call_output") return { ...plain("tool", str(value.output)), answers: str(value.call_id) };
  const role = str(value.role) || (value.type === "message" ? "assistant" : "user");
  const reasoning = str(value.reasoning_content) || str(value.reasoning) || str(value.thinking);
  const content = readContent(value.content ?? value.parts ?? null);
  const blocks = Array.isArray(value.content) ? value.content.filter(isObject) : [];
  const parts: Part[] = [...(reasoning === "" ? [] : [{ type: "reasoning", text: reasoning } as const]), ...content];
  if (str(value.refusal) !== "") parts.push({ type: "refusal", text: str(value.refusal) });
  const result = blocks.find((block) => block.type === "tool_result");
  return {
    role: result === undefined ? role : "tool",
    name: str(value.name),
    parts,
    toolCalls: [...readToolCalls(value), ...blocks.filter((block) => block.type === "tool_use").map((block) => ({ id: str(block.id), name: str(block.name), arguments: JSON.stringify(block.input ?? {}) }))],
    answers: str(value.tool_call_id) || str(result?.tool_use_id),
  };
}

function readToolCalls(message: Obj): ToolCall[] {
  const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
  const legacy = isObject(message.function_call) ? [{ id: "", function: message.function_call } as Obj] : [];
  return [...calls, ...legacy].map((call) => {
    const of = isObject(call.function) ? call.function : call;
    return { id: str(call.id), name: str(of.name), arguments: typeof of.arguments === "string" ? of.arguments : JSON.stringify(of.arguments ?? {}) };
  });
}

function readContent(content: Json): Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", text: content }];
  if (content === null) return [];
  if (!Array.isArray(content)) return [{ type: "json", value: content }];
  return content.flatMap((part): Part[] => (typeof part === "string" ? [{ type: "text", text: part }] : isObject(part) ? readPart(part) : [{ type: "json", value: part }]));
}

function readPart(part: Obj): Part[] {
  switch (part.type) {
    case "image_url":
    case "input_image":
      return [{ type: "image", url: isObject(part.image_url) ? str(part.image_url.url) : str(part.image_url) }];
    case "image":
      return [{ type: "image", url: imageUrl(part.source) }];
    case "thinking":
    case "reasoning":
      return [{ type: "reasoning", text: str(part.thinking) || str(part.text) }];
    case "refusal":
      return [{ type: "refusal", text: str(part.refusal) }];
    case "input_audio":
      return [{ type: "file", label: "Audio" }];
    case "file":
    case "document":
      return [{ type: "file", label: `File ${isObject(part.file) ? str(part.file.filename) : str(part.title)}`.trim() }];
    case "tool_use":
      return [];
    case "tool_result":
      return readContent(part.content ?? null);
    default:
      return typeof part.text === "string" ? [{ type: "text", text: part.text }] : [{ type: "json", value: part }];
  }
}

function imageUrl(source: Json | undefined): string {
  if (!isObject(source)) return "";
  return source.type === "base64" ? `data:${str(source.media_type)};base64,${str(source.data)}` : str(source.url);
}

function readTools(tools: Json | undefined): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isObject).map((tool) => {
    const of = isObject(tool.function) ? tool.function : tool;
    return { name: str(of.name) || str(of.type), description: str(of.description), schema: JSON.stringify(of.parameters ?? of.input_schema ?? {}, null, 2) };
  });
}

function readParameters(request: Obj): [string, string][] {
  return Object.entries(request)
    .filter(([name, value]) => !CONTENT_FIELDS.has(name) && value !== null)
    .map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]);
}

const STRIP = 64;

/** Null when the input is not an embedding request. */
export function readEmbeddings(input: string, output: string): Embeddings | null {
  const request = parsed(input);
  const source = isObject(request) ? request.input : request;
  if (source === undefined) return input.trim() === "" ? null : { model: "", inputs: [input], vectors: readVectors(parsed(output)) };
  const inputs = typeof source === "string" ? [source] : Array.isArray(source) ? describeInputs(source) : null;
  if (inputs === null) return null;
  return { model: isObject(request) ? str(request.model) : "", inputs, vectors: readVectors(parsed(output)) };
}

function describeInputs(source: Json[]): string[] {
  if (source.length > 0 && source.every((item) => typeof item === "number")) return [`${source.length} token ids`];
  return source.map((item) => (typeof item === "string" ? item : Array.isArray(item) ? `${item.length} token ids` : JSON.stringify(item)));
}

function readVectors(answer: Json | undefined): Embeddings["vectors"] {
  const data = isObject(answer) && Array.isArray(answer.data) ? answer.data.filter(isObject) : [];
  return data.map((item) => {
    const numbers = Array.isArray(item.embedding) ? item.embedding.filter((each): each is number => typeof each === "number") : decodeFloats(str(item.embedding));
    const norm = numbers.length === 0 ? null : Math.sqrt(numbers.reduce((sum, each) => sum + each * each, 0));
    return { size: numbers.length, head: numbers.slice(0, 4), norm, strip: condense(numbers) };
  });
}

/** Providers may send vectors as base64 of little-endian 32-bit floats. */
function decodeFloats(base64: string): number[] {
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return [...new Float32Array(bytes.buffer, 0, Math.floor(bytes.length / 4))];
  } catch {
    return [];
  }
}

function condense(numbers: readonly number[]): number[] {
  if (numbers.length === 0) return [];
  const cells = Math.min(STRIP, numbers.length);
  return Array.from({ length: cells }, (_cell, index) => {
    const from = Math.floor((index * numbers.length) / cells);
    const to = Math.max(from + 1, Math.floor(((index + 1) * numbers.length) / cells));
    return numbers.slice(from, to).reduce((sum, each) => sum + each, 0) / (to - from);
  });
}
