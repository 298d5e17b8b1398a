/** The one way to the network: addresses under the prefix, the CSRF token on writes, problem details as `ApiError`. */
import { basePath } from "@/lib/base";
import type { FieldError, Problem } from "./types";

const ROOT = `${basePath}api/v1`;

export class ApiError extends Error {
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly requestId: string;
  readonly docs: string;
  readonly fields: FieldError[];

  constructor(problem: Partial<Problem> & { status: number; code: string; title: string; detail: string }) {
    super(problem.detail);
    this.name = "ApiError";
    this.code = problem.code;
    this.title = problem.title;
    this.status = problem.status;
    this.requestId = problem.request_id ?? "";
    this.docs = problem.type?.startsWith("/") === true ? problem.type : "";
    this.fields = problem.errors ?? [];
  }

  /** The message for one field of the body, such as `name`. */
  field(name: string): string | undefined {
    return this.fields.find((field) => field.pointer === `#/${name}` || field.pointer.startsWith(`#/${name}/`))?.detail;
  }
}

export type Query = Record<string, string | number | readonly string[] | null | undefined>;

export interface Call {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Query;
  body?: unknown;
  headers?: Record<string, string> | undefined;
  project?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** The token of the signed-in session; writes from a browser are refused without it. */
let csrfToken = "";
export function setCsrfToken(token: string | null): void {
  csrfToken = token ?? "";
}

/** What to do when the session has ended meanwhile; set once by the app. */
let onSignedOut: () => void = () => undefined;
export function whenSignedOut(action: () => void): void {
  onSignedOut = action;
}

export async function call<T>(path: string, options: Call = {}): Promise<T> {
  const response = await send(path, options);
  if (response.status === 204) return undefined as T;
  return (await readJson(response)) as T;
}

/** The raw answer of a successful call; for streams. */
export async function send(path: string, { method = "GET", query, body, project, headers: more, signal }: Call): Promise<Response> {
  const headers = new Headers({ accept: "application/json", ...more });
  if (project !== undefined) headers.set("x-pilothouse-project", project);
  if (body !== undefined) headers.set("content-type", "application/json");
  if (method !== "GET") headers.set("x-csrf-token", csrfToken);
  let response: Response;
  try {
    response = await fetch(ROOT + path + encode(query), {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new ApiError({
      status: 0,
      code: "unreachable",
      title: "Pilothouse does not answer",
      detail: "The server could not be reached. What is shown is the last that was loaded; it is tried again by itself.",
    });
  }
  if (response.ok) return response;
  const failure = await readProblem(response);
  if (failure.code === "session_missing") onSignedOut();
  throw failure;
}

export function encode(query: Query | undefined): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === null || value === undefined || value === "") continue;
    for (const item of Array.isArray(value) ? (value as readonly string[]) : [value]) params.append(name, String(item));
  }
  const text = params.toString();
  return text === "" ? "" : `?${text}`;
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new ApiError({
      status: response.status,
      code: "not_json",
      title: "Unexpected answer",
      detail: "The server's answer was not JSON. A proxy in between may have answered instead.",
    });
  }
}

async function readProblem(response: Response): Promise<ApiError> {
  try {
    const problem = (await response.json()) as Problem;
    if (typeof problem.code === "string") return new ApiError(problem);
  } catch {
    // Not ours; told apart below.
  }
  return new ApiError({
    status: response.status,
    code: `http_${response.status}`,
    title: response.status >= 500 ? "The server failed" : "The request was refused",
    detail: `The answer was HTTP ${response.status} without an explanation. A proxy in between may have answered instead.`,
  });
}

/** Any thrown thing as something that can be shown. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new ApiError({ status: 0, code: "ui_error", title: "The page failed", detail });
}
