/** What each chart of the overview draws. */
import type { CallStats, ModelStats, Overview } from "@/api/types";
import { approximate } from "@/lib/decimal";
import { colourOf } from "@/lib/colour";
import { count, duration, money, rate, tidy } from "@/lib/format";
import type { ChartSeries } from "@/ui/chart";
import { steps } from "./figures";

export interface ChartSpec {
  id: string;
  title: string;
  series: ChartSeries[];
  format: (value: number) => string;
  axis: (value: number) => string;
  /** Trace filters of a clicked step. */
  link: Record<string, unknown>;
}

const TOP_MODELS = 6;
const durationAxis = (value: number) => tidy(duration(value));
const countAxis = (value: number) => tidy(count(value));

const column = (stats: readonly CallStats[], pick: (stats: CallStats) => number | null) => stats.map(pick);
/** A step without calls has no latency: a gap, not a zero. */
const whenCalled = (pick: (stats: CallStats) => number | null) => (stats: CallStats) => (stats.requests === 0 ? null : pick(stats));

function bands(stats: readonly CallStats[], pick: (stats: CallStats) => CallStats["latency_ms"]): ChartSeries[] {
  return (["p50", "p95", "p99"] as const).map((name, index) => ({
    name,
    colour: `var(--band-${3 - index})`,
    kind: "band",
    values: column(stats, whenCalled((each) => pick(each)[name])),
  }));
}

/** The leading models in their own colours, the others together. */
function byModel(models: readonly ModelStats[], pick: (model: ModelStats) => readonly number[]): ChartSeries[] {
  const ranked = [...models].sort((a, b) => total(pick(b)) - total(pick(a))).filter((model) => total(pick(model)) > 0);
  const top = ranked.slice(0, TOP_MODELS).map((model): ChartSeries => ({ name: model.model, colour: colourOf(model.model), kind: "bar", values: pick(model) }));
  const rest = ranked.slice(TOP_MODELS);
  const first = rest[0];
  if (first === undefined) return top;
  const values = pick(first).map((_value, index) => rest.reduce((sum, model) => sum + (pick(model)[index] ?? 0), 0));
  return [...top, { name: `${rest.length} others`, colour: "var(--unknown-mark)", kind: "bar", values }];
}

const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

export function charts(overview: Overview): ChartSpec[] {
  const { stats } = steps(overview);
  const bar = (name: string, colour: string, pick: (each: CallStats) => number): ChartSeries => ({ name, colour, kind: "bar", values: column(stats, pick) });
  return [
    {
      id: "requests",
      title: "Requests",
      format: count,
      axis: countAxis,
      link: {},
      series: [
        bar("ok", "var(--accent)", (each) => Math.max(0, each.requests - each.errors - each.cancelled)),
        bar("cancelled", "var(--unknown-mark)", (each) => each.cancelled),
        bar("failed", "var(--error-mark)", (each) => each.errors),
      ],
    },
    { id: "latency", title: "Latency", format: duration, axis: durationAxis, link: { sort: "duration" }, series: bands(stats, (each) => each.latency_ms) },
    { id: "ttft", title: "Time to first token", format: duration, axis: durationAxis, link: { sort: "ttft" }, series: bands(stats, (each) => each.ttft_ms) },
    {
      id: "speed",
      title: "Output speed, tok/s",
      format: rate,
      axis: countAxis,
      link: {},
      series: [{ name: "median", colour: "var(--series-2)", kind: "line", values: column(stats, whenCalled((each) => each.tokens_per_s)) }],
    },
    {
      id: "tokens",
      title: "Tokens",
      format: count,
      axis: countAxis,
      link: { sort: "tokens" },
      series: [
        bar("input", "var(--series-0)", (each) => each.input_tokens - each.cache_read_tokens),
        bar("input from cache", "var(--series-7)", (each) => each.cache_read_tokens),
        bar("output", "var(--series-1)", (each) => each.output_tokens),
      ],
    },
    { id: "cost", title: "Cost by model", format: (value) => money(String(value)), axis: (value) => money(String(value)), link: { sort: "cost" }, series: byModel(overview.models, (model) => model.cost_usd_series.map(approximate)) },
  ];
}
