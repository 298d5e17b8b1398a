/** Single measurements behind a metric's figures. */
import type { MetricExemplar, MetricFigures, MetricSummary } from "@/api/types";
import { colourOf } from "@/lib/colour";
import type { ChartPoint } from "@/ui/chart";
import { groupWord } from "./metrics";

const OF_HISTOGRAMS = ["quantiles", "p50", "p95", "p99", "avg"];

/** Whether a measure is in the metric's own unit, so that what was measured stands on the same axis. */
export const isMeasured = (kind: MetricSummary["kind"], measure: string): boolean => kind === "gauge" || kind === "sum" || (kind === "histogram" && OF_HISTOGRAMS.includes(measure));

export const keyOf = (exemplar: MetricExemplar): string => [exemplar.at, exemplar.value, exemplar.trace_id, exemplar.span_id, exemplar.group].join(" ");

/** What was measured, once each: two series may have measured the same. */
export const distinct = (exemplars: readonly MetricExemplar[]): MetricExemplar[] => [...new Map(exemplars.map((each) => [keyOf(each), each])).values()];

export const attributeLines = (exemplar: MetricExemplar): string[] => Object.entries(exemplar.attributes).map(([name, value]) => `${name}: ${value}`);

/** Exemplars as points of a chart: those that lead to a trace, of the groups that are drawn. */
export function pointsOf(exemplars: readonly MetricExemplar[], figures: MetricFigures, split: boolean): ChartPoint[] {
  const groups = new Set(figures.groups.map((group) => group.group));
  return distinct(exemplars)
    .filter((each) => each.trace_id !== "" && (!split || groups.has(each.group)))
    .map((each) => ({
      key: keyOf(each),
      at: new Date(each.at).getTime(),
      value: each.value,
      colour: split ? colourOf(groupWord(each.group)) : "var(--accent)",
      lines: [...(split ? [groupWord(each.group)] : []), ...attributeLines(each), "Click opens its trace"],
    }));
}

/** The address of the span that was measured in, around the time of it. */
export const spanSearch = (exemplar: MetricExemplar) =>
  ((before: Record<string, unknown>) => ({ project: before.project, range: before.range, from: before.from, to: before.to, at: exemplar.at, span: exemplar.span_id === "" ? undefined : exemplar.span_id })) as never;
