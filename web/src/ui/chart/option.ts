import { clock, day } from "@/lib/format";
import { tickLabel, ticks } from "./ticks";
import { reachOf } from "./points";
import type { ChartSeries, TimeChartProps } from "./types";

type Resolve = (colour: string) => string;

/** Bands are stacked differences, so that each fills the space between two quantiles. */
function drawn(series: readonly ChartSeries[]): (number | null)[][] {
  let below: readonly (number | null)[] | null = null;
  return series.map((each) => {
    if (each.kind !== "band") return [...each.values];
    const base = below;
    below = each.values;
    return each.values.map((value, index) => (value === null ? null : Math.max(0, value - (base?.[index] ?? 0))));
  });
}

function seriesOption(each: ChartSeries, data: (number | null)[], resolve: Resolve) {
  const colour = resolve(each.colour);
  const common = { name: each.name, data, animation: false, silent: true, emphasis: { disabled: true } };
  if (each.kind === "bar") return { ...common, type: "bar", stack: "bars", barCategoryGap: "18%", barMaxWidth: 28, itemStyle: { color: colour } };
  const lonely = (index: number) => data[index] !== null && (data[index - 1] ?? null) === null && (data[index + 1] ?? null) === null;
  return {
    ...common,
    type: "line",
    stack: each.kind === "band" ? "bands" : undefined,
    smooth: false,
    connectNulls: false,
    symbolSize: (_value: unknown, item: { dataIndex: number }) => (lonely(item.dataIndex) ? 4 : 0),
    showSymbol: true,
    showAllSymbol: true,
    symbol: "circle",
    lineStyle: { width: 1.5, color: colour },
    itemStyle: { color: colour },
    areaStyle: { color: colour, opacity: each.kind === "band" ? 0.22 : 0.08 },
  };
}

/** The tooltip as elements with text in them, never as HTML text: names come from outside. */
function tooltip(props: TimeChartProps, index: number): HTMLElement {
  const box = document.createElement("div");
  box.className = "chart-tip";
  const from = new Date(props.times[index] ?? 0);
  const head = document.createElement("div");
  head.className = "chart-tip-head";
  head.textContent = `${day(from)} ${clock(from)} – ${clock(new Date(from.getTime() + props.stepMs))}`;
  box.append(head);
  for (const each of [...props.series].reverse()) {
    const value = each.values[index] ?? null;
    if (value === 0 && props.series.length > 6) continue;
    const row = document.createElement("div");
    row.className = "chart-tip-row";
    const mark = document.createElement("i");
    mark.style.background = each.colour;
    const name = document.createElement("span");
    name.textContent = each.name;
    const text = document.createElement("b");
    text.textContent = value === null ? "–" : props.format(value);
    row.append(mark, name, text);
    box.append(row);
  }
  return box;
}

/** Nothing to see: stretches the axis as far as points go. */
function stretch(times: readonly number[], reach: number | null) {
  if (reach === null) return [];
  return [{ type: "line", data: times.map((_time, index) => (index === 0 ? reach : null)), silent: true, animation: false, symbol: "none", lineStyle: { width: 0 } }];
}

/** Whether an axis that fits the values would go beyond what they can be. */
const nearly = (most: number, series: readonly ChartSeries[]): boolean => series.some(({ values }) => values.some((value) => value !== null && value > most / 2));

export function option(props: TimeChartProps, width: number, resolve: Resolve): Record<string, unknown> {
  const { times, series, stepMs } = props;
  const spanMs = (times[times.length - 1] ?? 0) - (times[0] ?? 0) + stepMs;
  const marks = ticks(times, Math.max(2, Math.floor(width / 84)));
  const data = drawn(series);
  const quiet = resolve("var(--text-3)");
  return {
    animation: false,
    textStyle: { fontFamily: "Inter Variable, sans-serif" },
    grid: { left: 4, right: 4, top: 8, bottom: 0, containLabel: true },
    tooltip: {
      trigger: "axis",
      transitionDuration: 0,
      confine: false,
      appendTo: "body",
      padding: 0,
      borderWidth: 0,
      backgroundColor: "transparent",
      extraCssText: "box-shadow:none;z-index:200;pointer-events:none",
      formatter: (items: { dataIndex: number }[]) => tooltip(props, items[0]?.dataIndex ?? 0),
      axisPointer: { type: "line", animation: false, lineStyle: { color: quiet, type: "solid", width: 1, opacity: 0.7 } },
    },
    xAxis: {
      type: "category",
      data: times.map(String),
      boundaryGap: true,
      axisLine: { lineStyle: { color: resolve("var(--line-strong)") } },
      axisTick: { show: true, alignWithLabel: true, interval: (index: number) => marks.has(index), length: 3, lineStyle: { color: resolve("var(--line-strong)") } },
      axisLabel: {
        interval: (index: number) => marks.has(index),
        formatter: (value: string) => tickLabel(Number(value), spanMs),
        color: quiet,
        fontSize: 11,
        margin: 8,
        hideOverlap: true,
      },
    },
    yAxis: {
      type: "value",
      splitNumber: 3,
      min: 0,
      ...(props.most !== undefined && nearly(props.most, series) ? { max: props.most, interval: props.most / 4 } : {}),
      axisLabel: { formatter: (value: number) => props.axis(value), color: quiet, fontSize: 11, margin: 8 },
      splitLine: { lineStyle: { color: resolve("var(--line)"), width: 1 } },
    },
    series: [...series.map((each, index) => seriesOption(each, data[index] ?? [], resolve)), ...stretch(times, reachOf(series, props.points ?? []))],
  };
}
