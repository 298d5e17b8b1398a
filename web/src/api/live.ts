/** Server-sent events over fetch, because EventSource cannot name the project in a header. */
import { send } from "./client";
import { LineSplitter } from "./sse";
import type { TraceSummary } from "./types";

const RETRY_MS = [500, 1000, 2000, 5000, 10_000] as const;

export type LiveState = "connecting" | "live" | "retrying";

export interface LiveHandlers {
  onTrace: (trace: TraceSummary) => void;
  /** Some traces were not sent, because they came faster than they could be. */
  onLagged: () => void;
  onState: (state: LiveState) => void;
}

/** Follows new traces until the returned function is called; connects again after a break. */
export function followTraces(project: string, handlers: LiveHandlers): () => void {
  const stop = new AbortController();
  void run(project, handlers, stop.signal);
  return () => stop.abort();
}

async function run(project: string, handlers: LiveHandlers, signal: AbortSignal): Promise<void> {
  let failures = 0;
  handlers.onState("connecting");
  while (!signal.aborted) {
    try {
      const response = await send("/traces/live", { project, signal });
      handlers.onState("live");
      failures = 0;
      await read(response, handlers);
    } catch {
      failures += 1;
    }
    if (signal.aborted) return;
    handlers.onState("retrying");
    await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 10_000, signal);
  }
}

async function read(response: Response, handlers: LiveHandlers): Promise<void> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  const splitter = new LineSplitter();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const event of splitter.feed(value)) {
      if (event.name === "trace") handlers.onTrace(JSON.parse(event.data) as TraceSummary);
      else if (event.name === "lagged") handlers.onLagged();
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
