import type { ReceiptView } from "@/api/types";

export interface Problem {
  outcome: ReceiptView["outcome"];
  reason: string;
  /** Items, or requests where a request was refused whole. */
  count: number;
  whole: boolean;
  sample: string;
}

/** All that came one way from one SDK. */
export interface Way {
  id: string;
  surface: string;
  sdk: string;
  signal: string;
  accepted: number;
  merged: number;
  rejected: number;
  refused: number;
  setAside: number;
  lastAt: string;
  problems: Problem[];
}

const SURFACES: Readonly<Record<string, string>> = {
  otlp_http: "OTLP/HTTP",
  otlp_grpc: "OTLP/gRPC",
  langfuse: "Langfuse",
  langsmith: "LangSmith",
  braintrust: "Braintrust",
  weave: "Weave",
  opik: "Opik",
  helicone: "Helicone",
  gateway: "Gateway",
};

export const surfaceName = (surface: string): string => SURFACES[surface] ?? surface;

/** One row for each way in, SDK and signal; those with problems first, then the busiest. */
export function ways(receipts: readonly ReceiptView[]): Way[] {
  const found = new Map<string, Way>();
  for (const one of receipts) {
    const sdk = `${one.sdk_name} ${one.sdk_version}`.trim();
    const id = [one.surface, sdk, one.signal].join("\n");
    const way = found.get(id) ?? { id, surface: one.surface, sdk, signal: one.signal, accepted: 0, merged: 0, rejected: 0, refused: 0, setAside: 0, lastAt: one.last_at, problems: [] };
    found.set(id, way);
    add(way, one);
  }
  return [...found.values()].sort((a, b) => Number(b.problems.length > 0) - Number(a.problems.length > 0) || b.accepted - a.accepted || a.id.localeCompare(b.id));
}

function add(way: Way, one: ReceiptView): void {
  if (one.last_at > way.lastAt) way.lastAt = one.last_at;
  switch (one.outcome) {
    case "accepted":
      way.accepted += one.items;
      return;
    case "merged":
      way.merged += one.items;
      return;
    case "rejected":
      way.rejected += one.items;
      break;
    case "refused":
      way.refused += one.requests;
      break;
    case "set_aside":
      way.setAside += one.items;
      break;
  }
  const whole = one.outcome === "refused";
  way.problems.push({ outcome: one.outcome, reason: one.reason, count: whole ? one.requests : one.items, whole, sample: one.sample });
}
