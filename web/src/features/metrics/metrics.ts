/** What is drawn of a metric, and in which words. */
import type { MetricFigures, MetricSummary } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { bytes, count, duration, NONE, significant } from "@/lib/format";
import type { ChartSeries } from "@/ui/chart";

type Kind = MetricSummary["kind"];

export interface Measure {
  id: string;
  label: string;
}

const RATE: Measure = { id: "rate", label: "a second" };
const SHAPE: Measure = { id: "quantiles", label: "p50, p95, p99" };

/** What can be drawn of each kind, the usual first. */
export const MEASURES: Record<Kind, readonly Measure[]> = {
  counter: [RATE, { id: "added", label: "added in each step" }],
  sum: [{ id: "value", label: "value" }],
  gauge: [{ id: "avg", label: "mean" }, { id: "max", label: "most" }, { id: "min", label: "least" }],
  histogram: [SHAPE, { id: "p50", label: "median" }, { id: "p95", label: "p95" }, { id: "p99", label: "p99" }, { id: "avg", label: "mean" }, { id: "sum", label: "all in each step" }, { id: "count", label: "how many in each step" }, { id: "rate", label: "how many a second" }],
  summary: [SHAPE, { id: "p50", label: "median" }, { id: "p95", label: "p95" }, { id: "p99", label: "p99" }],
};

interface Ready {
  title: string;
  measure?: string;
  groupBy?: string;
}

/** OpenTelemetry's metrics of model calls, in the order of the page. */
export const READY: Readonly<Record<string, Ready>> = {
  "gen_ai.client.token.usage": { title: "Tokens used", measure: "sum", groupBy: "attributes.gen_ai.token.type" },
  "gen_ai.client.operation.duration": { title: "Time of a model call" },
  "gen_ai.client.operation.time_to_first_chunk": { title: "Time to first piece" },
  "gen_ai.client.operation.time_per_output_chunk": { title: "Time between pieces" },
  "gen_ai.server.request.duration": { title: "Time of a request at the model server" },
  "gen_ai.server.time_to_first_token": { title: "Time to first token" },
  "gen_ai.server.time_per_output_token": { title: "Time for each token after the first" },
};

export const idOf = (metric: Pick<MetricSummary, "name" | "kind" | "unit">): string => `${metric.kind} ${metric.unit === "" ? "1" : metric.unit} ${metric.name}`;

/** Those of model calls in their order, then the others by name. */
export function arranged(metrics: readonly MetricSummary[]): { models: MetricSummary[]; others: MetricSummary[] } {
  const order = Object.keys(READY);
  const place = (metric: MetricSummary) => (order.indexOf(metric.name) + order.length + 1) % (order.length + 1);
  const models = metrics.filter((metric) => metric.name.startsWith("gen_ai.")).sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
  return { models, others: metrics.filter((metric) => !metric.name.startsWith("gen_ai.")) };
}

export function measureOf(metric: MetricSummary, wanted: string | undefined): string {
  const known = MEASURES[metric.kind];
  const first = wanted ?? READY[metric.name]?.measure;
  return known.find((each) => each.id === first)?.id ?? known[0]?.id ?? "value";
}

const TIMES: Record<string, number> = { ns: 1e-6, us: 1e-3, "µs": 1e-3, ms: 1, s: 1e3, min: 60e3, h: 3600e3, d: 86400e3 };
const SIZES: Record<string, number> = { By: 1, KiBy: 1024, MiBy: 1024 ** 2, GiBy: 1024 ** 3, kBy: 1e3, MBy: 1e6, GBy: 1e9 };

/** A unit of UCUM, as people say it. */
export const unitName = (unit: string): string => (unit === "By" ? "bytes" : unit.replace(/^\{(.*)\}$/, "$1"));

/** How a value of a unit of UCUM is written. */
export function formatOf(unit: string): (value: number | null) => string {
  const time = TIMES[unit];
  if (time !== undefined) return (value) => (value === null ? NONE : duration(value * time));
  const size = SIZES[unit];
  if (size !== undefined) return (value) => (value === null ? NONE : bytes(Math.round(value * size)));
  const word = unit === "1" ? "" : unitName(unit);
  return (value) => (value === null ? NONE : `${short(value)}${word === "" ? "" : ` ${word}`}`);
}

const short = (value: number): string => (Math.abs(value) < 1 && value !== 0 ? significant(value) : count(value));

/** How a value of a measure is written: some measures have another unit than the metric. */
export function writer(metric: Pick<MetricSummary, "unit" | "kind">, measure: string): (value: number | null) => string {
  if (measure === "count") return count;
  if (measure !== "rate") return formatOf(metric.unit);
  // How many calls a second; of a counter what it counts, which for times is no time any more.
  const plain = metric.kind === "histogram" || TIMES[metric.unit] !== undefined;
  const each = plain ? (value: number | null) => (value === null ? NONE : short(value)) : formatOf(metric.unit);
  return (value) => (value === null ? NONE : `${each(value)}/s`);
}

export const groupWord = (group: string): string => (group === "" ? "none" : group);

const BANDS = ["p50", "p95", "p99"] as const;

/** The series of a chart; quantiles are bands while there is one group, else the p95 of each. */
export function seriesOf(figures: MetricFigures, measure: string, split: boolean): { times: number[]; stepMs: number; series: ChartSeries[] } {
  const stepMs = figures.step_s * 1000;
  const first = new Date(figures.first_at).getTime();
  const length = Math.max(0, ...figures.groups.flatMap((group) => Object.values(group.values).map((line) => line.length)));
  const times = Array.from({ length }, (_none, index) => first + index * stepMs);
  const only = split ? undefined : figures.groups[0];
  if (measure === "quantiles" && only !== undefined) {
    const series = BANDS.map((name, index): ChartSeries => ({ name, colour: `var(--band-${3 - index})`, kind: "band", values: only.values[name] ?? [] }));
    return { times, stepMs, series };
  }
  const drawn = measure === "quantiles" ? "p95" : measure;
  const stacked = drawn === "sum" || drawn === "added" || drawn === "count";
  const series = figures.groups.map((group): ChartSeries => ({
    name: split ? groupWord(group.group) : drawn,
    colour: split ? colourOf(groupWord(group.group)) : "var(--accent)",
    kind: stacked ? "bar" : "line",
    values: group.values[drawn] ?? [],
  }));
  return { times, stepMs, series };
}

/** The last value that a line has. */
export const last = (line: readonly (number | null)[] | undefined): number | null => [...(line ?? [])].reverse().find((value) => value !== null) ?? null;

/** The name of an attribute without the place where it stands. */
export const bare = (attribute: string): string => attribute.replace(/^attributes\./, "");

/** The attributes that any of the metrics has, those of most first. */
export function attributesOf(metrics: readonly MetricSummary[]): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const metric of metrics) for (const attribute of metric.attributes) counts.set(attribute, (counts.get(attribute) ?? 0) + 1);
  const place = (attribute: string) => Number(attribute.startsWith("resource."));
  return [...counts].map(([value, number]) => ({ value, count: number })).sort((a, b) => place(a.value) - place(b.value) || b.count - a.count || a.value.localeCompare(b.value));
}

/** A condition as it stands in the address, in its parts. */
export function conditionOf(where: string): { attribute: string; value: string } {
  const at = where.indexOf("=");
  return at < 0 ? { attribute: where, value: "" } : { attribute: where.slice(0, at), value: where.slice(at + 1) };
}

/** Whether the metric has all attributes that conditions ask for. */
export const hasAll = (metric: MetricSummary, where: readonly string[]): boolean => where.every((each) => metric.attributes.includes(conditionOf(each).attribute));

/** Code that sends one metric. */
export function example(otlp: string): { name: string; code: string }[] {
  return [
    {
      name: "Environment",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT="${otlp}"
export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20$PILOTHOUSE_KEY"
export OTEL_METRICS_EXPORTER=otlp`,
    },
    {
      name: "Python",
      code: `# pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
import os
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

exporter = OTLPMetricExporter(
    "${otlp}/v1/metrics", headers={"authorization": f"Bearer {os.environ['PILOTHOUSE_KEY']}"}
)
provider = MeterProvider([PeriodicExportingMetricReader(exporter, 5_000)])
usage = provider.get_meter("app").create_histogram("gen_ai.client.token.usage", "{token}")
usage.record(42, {"gen_ai.request.model": "default", "gen_ai.token.type": "output"})
provider.shutdown()`,
    },
  ];
}
