/** What a chart asks for, and what is drawn of the answer. */
import type { Query } from "@/api/client";
import type { FiguresTable, SavedChart } from "@/api/types";
import { colourOf, coloursOf } from "@/lib/colour";
import { count, duration, money, NONE, percent, rate } from "@/lib/format";
import type { ChartSeries } from "@/ui/chart";

export interface Span {
  from: Date;
  to: Date;
}

const STEPS_S = [60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800] as const;
/** Below five minutes everything is read from single spans, which is quick for short ranges only. */
const FINE_RANGE_S = 3600;
const MAX_POINTS = 120;
const MAX_ROWS = 1000;

/** Seconds between two points, so that all groups fit into one answer. */
export function stepOf({ from, to }: Span, series: number): number {
  const lengthS = Math.max(1, (to.getTime() - from.getTime()) / 1000);
  const points = Math.min(MAX_POINTS, Math.floor(MAX_ROWS / Math.max(1, series)) - 2);
  return STEPS_S.find((step) => lengthS / step <= points && (step >= 300 || lengthS <= FINE_RANGE_S)) ?? 604800;
}

export function quoted(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The query of one group, or of several. */
export function ofGroups(q: string, field: string, values: readonly string[]): string {
  const each = values.map((value) => (value === "" ? `-has:${field}` : `${field}:${quoted(value)}`));
  const groups = each.length > 1 ? `(${each.join(" OR ")})` : (each[0] ?? "");
  const before = /\sOR\s/.test(q) ? `(${q})` : q;
  return [before, groups].filter((part) => part !== "").join(" ");
}

export const overTime = (chart: SavedChart): boolean => chart.kind === "line" || chart.kind === "bars";

/** The question that a chart asks; of groups over time only those that lead over the whole range. */
export function question(chart: SavedChart, span: Span): Query {
  const plain = { source: chart.source, q: chart.q, measure: chart.measures };
  const groups = chart.group_by === "" ? [] : [chart.group_by];
  const lead = chart.measures[0] ?? "count";
  if (!overTime(chart)) return { ...plain, group_by: groups, order: groups.length > 0 ? `-${lead}` : "", limit: chart.top };
  if (groups.length === 0) return { ...plain, group_by: [`time:${stepOf(span, 1)}s`], limit: MAX_ROWS };
  return { ...plain, group_by: [`time:${stepOf(span, chart.top)}s`, chart.group_by], top: chart.top, limit: MAX_ROWS };
}

/** What has no value of the field that groups; in no colour that a value has. */
const NAMELESS = "none";
const BANDS = ["p50", "p95", "p99"];

/** The colours and shapes of what a table over time holds. */
export function seriesOf(chart: SavedChart, table: FiguresTable, span: Span, groupLabel: typeof groupName = groupName): { times: number[]; stepMs: number; series: ChartSeries[] } {
  const stepMs = Math.max(1, table.step_s) * 1000;
  const first = Math.floor(span.from.getTime() / stepMs) * stepMs;
  const times = Array.from({ length: Math.max(1, Math.ceil((span.to.getTime() - first) / stepMs)) }, (_none, index) => first + index * stepMs);
  const time = table.columns[0] ?? "";
  const at = (row: FiguresTable["rows"][number]) => Math.round((Date.parse(String(row[time])) - first) / stepMs);
  const bars = chart.kind === "bars";
  const named = new Map<string, (number | null)[]>();
  const names = chart.group_by === "" ? chart.measures : [...new Set(table.rows.map((row) => groupLabel(row[chart.group_by])))];
  for (const name of names) named.set(name, times.map(() => (isCount(chart.measures[0] ?? "") ? 0 : null)));
  for (const row of table.rows) {
    const index = at(row);
    if (index < 0 || index >= times.length) continue;
    if (chart.group_by === "") for (const measure of chart.measures) named.get(measure)?.splice(index, 1, numeric(row[measure]));
    else named.get(groupLabel(row[chart.group_by]))?.splice(index, 1, numeric(row[chart.measures[0] ?? ""]));
  }
  const banded = !bars && chart.group_by === "" && chart.measures.length > 1 && chart.measures.every((measure, index) => measure.startsWith(`${BANDS[index] ?? "-"}(`));
  const colours = coloursOf(chart.group_by === "" ? [] : names.filter((name) => name !== NAMELESS));
  const series = names.map((name, index): ChartSeries => ({
    name: chart.group_by === "" ? label(name, chart.source) : name,
    colour: banded ? `var(--band-${3 - index})` : chart.group_by === "" ? (names.length === 1 ? "var(--accent)" : colourOf(name)) : (colours.get(name) ?? "var(--unknown-mark)"),
    kind: bars ? "bar" : banded ? "band" : "line",
    values: named.get(name) ?? [],
  }));
  return { times, stepMs, series };
}

export const groupName = (value: string | number | null | undefined): string => (value === "" || value === null || value === undefined ? NAMELESS : String(value));

export const numeric = (value: string | number | null | undefined): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** Nothing counted is zero; nothing measured is a gap. */
const isCount = (measure: string): boolean => measure === "count" || measure.startsWith("sum(") || measure.startsWith("uniq(");

export function format(measure: string): (value: number | null) => string {
  if (measure === "error_rate") return percent;
  if (measure.startsWith("uniq(")) return count;
  if (measure.includes("cost_usd")) return (value) => (value === null ? NONE : money(String(value)));
  if (measure.includes("_ms")) return duration;
  if (measure.includes("tokens_per_s")) return rate;
  return count;
}

const FUNCTIONS: Record<string, string> = { sum: "", avg: "mean ", min: "least ", max: "most ", p50: "median ", p90: "p90 ", p95: "p95 ", p99: "p99 ", uniq: "different " };
const FIELDS: Record<string, string> = { latency_ms: "latency", ttft_ms: "time to first token", tokens_per_s: "tokens a second", cost_usd: "cost", value: "score", overhead_ms: "overhead" };

const COUNTED: Record<SavedChart["source"], string> = { spans: "requests", traces: "traces", scores: "scores" };

/** What rows are made by, in words. */
export const groupTitle = (field: string): string => field.replaceAll("_", " ");

/** A measure in words. */
export function label(measure: string, source: SavedChart["source"] = "spans"): string {
  if (measure === "count") return COUNTED[source];
  if (measure === "error_rate") return "error rate";
  const found = /^(\w+)\((.+)\)$/.exec(measure);
  const field = found?.[2] ?? measure;
  return `${FUNCTIONS[found?.[1] ?? ""] ?? ""}${FIELDS[field] ?? field.replaceAll("_", " ")}`;
}

/** The table as comma-separated values; what a spreadsheet would take for a formula stays text. */
export function csv(table: FiguresTable): string {
  const cell = (value: string | number | null | undefined) => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [table.columns.map(cell), ...table.rows.map((row) => table.columns.map((column) => cell(row[column])))].map((line) => line.join(",")).join("\r\n");
}

/** The search of the trace list that shows what is behind a figure. */
export function behind(chart: SavedChart, span: Span | null, group?: string): Record<string, unknown> {
  const narrowed = group === undefined || chart.source === "scores" ? chart.q : ofGroups(chart.q, chart.group_by, [group]);
  const q = chart.measures.length === 1 && chart.measures[0] === "error_rate" ? ofGroups(narrowed, "status", ["error"]) : narrowed;
  return { q: q === "" ? undefined : q, ...(span === null ? {} : { from: span.from.toISOString(), to: span.to.toISOString() }) };
}
