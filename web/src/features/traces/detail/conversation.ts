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
/** Mistral's thoughts are lists of texts. */
const thought = (value: Json | undefined): string => (Array.isArray(value) ? value.filter(isObject).map((piece) => str(piece.text)).join("") : str(value));
const parsed = (text: string): Json | undefined => {
  const result = parseJson(text);
  return result.ok ? result.value : undefined;
};

const CONTENT_FIELDS = new Set(["messages", "tools", "model", "input", "prompt", "system", "instructions", "stream", "contents", "systemInstruction", "system_instruction", "toolConfig", "stream_options", "metadata", "user"]);

/** Null when neither side reads as a conversation. */
export function readConversation(input: string, output: string): Conversation | null {
  const request = parsed(input);
  const messages = readRequest(request, input);
  const replies = readReplies(parsed(output), output);
  if (messages.length === 0 && replies.length === 0) return null;
  return { messages, replies, tools: isObject(request) ? readTools(request.tools ?? (isObject(request.toolConfig) ? request.toolConfig.tools : undefined)) : [], parameters: isObject(request) ? readParameters(request) : [] };
}

function readRequest(request: Json | undefined, raw: string): Message[] {
  if (Array.isArray(request)) return request.every(looksLikeMessage) ? request.map(readMessage) : [];
  if (!isObject(request)) return typeof request === "string" || (raw.trim() !== "" && request === undefined) ? [plain("user", typeof request === "string" ? request : raw)] : [];
  const lead = readLead(request);
  if (Array.isArray(request.contents)) return [...lead, ...request.contents.filter(isObject).map(readMessage)];
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
  if (Array.isArray(answer.candidates)) return answer.candidates.filter(isObject).flatMap((each) => (isObject(each.content) ? [readMessage(each.content)] : []));
  // Bedrock puts the message into an output, Cohere beside the end.
  const around = isObject(answer.output) ? answer.output : answer;
  if (isObject(around.message) && looksLikeMessage(around.message)) return [readMessage(around.message)];
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
  const listed = value.content ?? value.parts;
  const blocks = Array.isArray(listed) ? listed.filter(isObject) : [];
  const parts: Part[] = [...(reasoning === "" ? [] : [{ type: "reasoning", text: reasoning } as const]), ...content];
  if (str(value.tool_plan) !== "") parts.push({ type: "text", text: str(value.tool_plan) });
  if (str(value.refusal) !== "") parts.push({ type: "refusal", text: str(value.refusal) });
  const result = blocks.map(readResult).find((found) => found !== null);
  return {
    role: result === undefined ? (role === "model" ? "assistant" : role) : "tool",
    name: str(value.name),
    parts,
    toolCalls: [...readToolCalls(value), ...blocks.flatMap(readCallBlock)],
    answers: str(value.tool_call_id) || (result ?? ""),
  };
}

const EMBEDDED_PICTURE = /(?:!\[[^\]]*\]\()?(data:image\/(?:png|jpe?g|gif|webp|avif);base64,[A-Za-z0-9+/]{64,}={0,2})\)?/gi;

/** Text with pictures written into it as text and pictures in turn. */
export function splitPictures(text: string): ({ type: "text"; text: string } | { type: "image"; url: string })[] {
  if (!text.includes(";base64,")) return [{ type: "text", text }];
  const found: ReturnType<typeof splitPictures> = [];
  let from = 0;
  for (const match of text.matchAll(EMBEDDED_PICTURE)) {
    if (match.index > from) found.push({ type: "text", text: text.slice(from, match.index) });
    found.push({ type: "image", url: match[1] ?? "" });
    from = match.index + match[0].length;
  }
  if (from < text.length) found.push({ type: "text", text: text.slice(from) });
  return found;
}

/** The system text that stands beside the messages; Gemini wraps it in an object with parts. */
function readLead(request: Obj): Message[] {
  const wrapped = request.systemInstruction ?? request.system_instruction;
  const system = request.system ?? request.instructions ?? (isObject(wrapped) ? wrapped.parts : wrapped);
  return system === undefined || system === null ? [] : [{ ...plain("system", ""), parts: readContent(system) }];
}

/** The call that a block answers; null when it is no answer of a tool. */
function readResult(block: Obj): string | null {
  if (block.type === "tool_result") return str(block.tool_use_id);
  if (isObject(block.toolResult)) return str(block.toolResult.toolUseId);
  const response = block.functionResponse ?? block.function_response;
  return isObject(response) ? str(response.id) || str(response.name) : null;
}

function readCallBlock(block: Obj): ToolCall[] {
  if (block.type === "tool_use") return [{ id: str(block.id), name: str(block.name), arguments: JSON.stringify(block.input ?? {}) }];
  if (isObject(block.toolUse)) return [{ id: str(block.toolUse.toolUseId), name: str(block.toolUse.name), arguments: JSON.stringify(block.toolUse.input ?? {}) }];
  const call = block.functionCall ?? block.function_call;
  return isObject(call) ? [{ id: str(call.id) || str(call.name), name: str(call.name), arguments: JSON.stringify(call.args ?? {}) }] : [];
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
      return [{ type: "reasoning", text: thought(part.thinking) || str(part.text) }];
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
      return readUntyped(part);
  }
}

/** Parts of Gemini and Bedrock are told by the field that they have. */
function readUntyped(part: Obj): Part[] {
  if (typeof part.text === "string") return [{ type: part.thought === true ? "reasoning" : "text", text: part.text }];
  if (part.functionCall !== undefined || part.function_call !== undefined || part.toolUse !== undefined) return [];
  if (isObject(part.reasoningContent)) return [{ type: "reasoning", text: isObject(part.reasoningContent.reasoningText) ? str(part.reasoningContent.reasoningText.text) : "" }];
  if (isObject(part.toolResult)) return readContent(part.toolResult.content ?? null);
  const response = part.functionResponse ?? part.function_response;
  if (isObject(response)) return [{ type: "json", value: response.response ?? null }];
  if (part.cachePoint !== undefined) return [];
  if (typeof part.json !== "undefined") return [{ type: "json", value: part.json }];
  return readMedia(part);
}

function readMedia(part: Obj): Part[] {
  if (part.type === "blob" && typeof part.content === "string") return readInline(str(part.mime_type), part.content);
  const inline = part.inlineData ?? part.inline_data;
  if (isObject(inline)) return readInline(str(inline.mimeType) || str(inline.mime_type), str(inline.data));
  if (isObject(part.image) && isObject(part.image.source)) return readInline(`image/${str(part.image.format)}`, str(part.image.source.bytes));
  if (isObject(part.document)) return [{ type: "file", label: `File ${str(part.document.name)}`.trim() }];
  return [{ type: "json", value: part }];
}

function readInline(mime: string, data: string): Part[] {
  return mime.startsWith("image/") ? [{ type: "image", url: `data:${mime};base64,${data}` }] : [{ type: "file", label: mime === "" ? "File" : `File (${mime})` }];
}

function imageUrl(source: Json | undefined): string {
  if (!isObject(source)) return "";
  return source.type === "base64" ? `data:${str(source.media_type)};base64,${str(source.data)}` : str(source.url);
}

function readTools(tools: Json | undefined): Tool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isObject).flatMap((tool) => {
    const declared = tool.functionDeclarations ?? tool.function_declarations;
    return Array.isArray(declared) ? declared.filter(isObject).map(readTool) : [readTool(tool)];
  });
}

function readTool(tool: Obj): Tool {
  const of = isObject(tool.function) ? tool.function : isObject(tool.toolSpec) ? tool.toolSpec : tool;
  const schema = isObject(of.inputSchema) ? of.inputSchema.json : (of.parameters ?? of.parametersJsonSchema ?? of.input_schema);
  return { name: str(of.name) || str(of.type), description: str(of.description), schema: JSON.stringify(schema ?? {}, null, 2) };
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
