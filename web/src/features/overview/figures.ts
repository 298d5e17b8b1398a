/** The figures of the tiles and the series of the charts, out of the API's answer. */
import type { CallStats, Overview } from "@/api/types";
import { approximate } from "@/lib/decimal";
import { count, duration, exactDuration, exactMoney, grouped, money, NONE, percent, rate } from "@/lib/format";

export interface Figure {
  id: string;
  label: string;
  /** As shown. */
  text: (stats: CallStats) => string;
  /** All digits. */
  exact: (stats: CallStats) => string;
  /** For comparison and sparkline; null is no sample. */
  value: (stats: CallStats) => number | null;
  /** Whether a rise is good, bad, or neither. */
  better: "up" | "down" | "neither";
  colour: string;
  bars?: boolean;
  /** What the traces behind it are filtered by. */
  link: Record<string, unknown>;
}

const errorShare = (stats: CallStats) => (stats.requests === 0 ? null : stats.errors / stats.requests);
const cacheShare = (stats: CallStats) => (stats.input_tokens === 0 ? null : stats.cache_read_tokens / stats.input_tokens);

function quantile(id: string, label: string, pick: (stats: CallStats) => number | null, colour: string, sort: string): Figure {
  return { id, label, text: (stats) => duration(pick(stats)), exact: (stats) => exactDuration(pick(stats)), value: pick, better: "down", colour, link: { sort, order: "desc" } };
}

export const FIGURES: readonly Figure[] = [
  { id: "requests", label: "Requests", text: (s) => count(s.requests), exact: (s) => `${grouped(s.requests)} requests`, value: (s) => s.requests, better: "neither", colour: "var(--accent)", bars: true, link: {} },
  {
    id: "errors",
    label: "Errors",
    text: (s) => percent(errorShare(s)),
    exact: (s) => `${grouped(s.errors)} failed of ${grouped(s.requests)}; ${grouped(s.cancelled)} cancelled by the client`,
    value: errorShare,
    better: "down",
    colour: "var(--error-mark)",
    bars: true,
    link: { status: ["error"] },
  },
  quantile("p50", "Latency p50", (s) => s.latency_ms.p50, "var(--band-3)", "duration"),
  quantile("p95", "Latency p95", (s) => s.latency_ms.p95, "var(--band-2)", "duration"),
  quantile("p99", "Latency p99", (s) => s.latency_ms.p99, "var(--band-2)", "duration"),
  quantile("ttft", "Time to first token p50", (s) => s.ttft_ms.p50, "var(--series-2)", "ttft"),
  { id: "speed", label: "Output speed", text: (s) => rate(s.tokens_per_s), exact: (s) => `${grouped(s.tokens_per_s)} tokens/s, median of streamed calls`, value: (s) => s.tokens_per_s, better: "up", colour: "var(--series-2)", link: {} },
  { id: "in", label: "Tokens in", text: (s) => count(s.input_tokens), exact: (s) => `${grouped(s.input_tokens)} tokens, ${grouped(s.cache_read_tokens)} of them read from a cache`, value: (s) => s.input_tokens, better: "neither", colour: "var(--series-0)", bars: true, link: { sort: "tokens" } },
  { id: "out", label: "Tokens out", text: (s) => count(s.output_tokens), exact: (s) => `${grouped(s.output_tokens)} tokens`, value: (s) => s.output_tokens, better: "neither", colour: "var(--series-0)", bars: true, link: { sort: "tokens" } },
  { id: "cache", label: "Read from cache", text: (s) => percent(cacheShare(s)), exact: (s) => `${grouped(s.cache_read_tokens)} of ${grouped(s.input_tokens)} input tokens`, value: cacheShare, better: "up", colour: "var(--series-7)", link: { sort: "tokens" } },
  {
    id: "cost",
    label: "Cost",
    text: (s) => (s.requests === s.unpriced && s.unpriced > 0 ? NONE : money(s.cost_usd)),
    exact: (s) => `${exactMoney(s.cost_usd)} over the priced calls`,
    value: (s) => approximate(s.cost_usd),
    better: "neither",
    colour: "var(--series-1)",
    bars: true,
    link: { sort: "cost" },
  },
  { id: "unpriced", label: "Unpriced calls", text: (s) => count(s.unpriced), exact: (s) => `${grouped(s.unpriced)} calls used tokens and have no known price`, value: (s) => s.unpriced, better: "down", colour: "var(--warn-mark)", bars: true, link: {} },
];

export interface Steps {
  times: number[];
  stepMs: number;
  stats: CallStats[];
}

export function steps(overview: Overview): Steps {
  return {
    times: overview.series.map((point) => Date.parse(point.at)),
    stepMs: overview.step_s * 1000,
    stats: overview.series.map((point) => point.stats),
  };
}
