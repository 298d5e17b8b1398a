import { Button, Checkbox, NumberInput, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { queryFieldsQuery } from "@/api/dashboards";
import type { QueryField, SavedChart } from "@/api/types";
import { Actions } from "@/ui/parts";
import { ChartCard } from "./ChartCard";
import classes from "./dashboards.module.css";
import { groupTitle, label } from "./figures";

export const NEW_CHART: SavedChart = { title: "", kind: "line", source: "spans", measures: ["count"], group_by: "", q: "kind:llm", top: 8, width: 2 };

const KINDS = [
  { value: "line", label: "Lines" },
  { value: "bars", label: "Bars" },
  { value: "number", label: "Number" },
  { value: "table", label: "Table" },
];
const SOURCES = [
  { value: "spans", label: "Spans" },
  { value: "traces", label: "Traces" },
  { value: "scores", label: "Scores" },
];
const QUANTILES = ["p50", "p95", "p99", "avg"];
const OF_SPANS = [
  "count", "error_rate", ...quantiles("latency_ms"), ...quantiles("ttft_ms"), ...quantiles("tokens_per_s"), "sum(tokens)", "sum(input_tokens)",
  "sum(output_tokens)", "sum(cache_read_tokens)", "sum(reasoning_tokens)", "sum(cost_usd)", "avg(cost_usd)", "uniq(user)", "uniq(session)",
];
const OF_TRACES = ["count", "error_rate", ...quantiles("latency_ms"), ...quantiles("ttft_ms"), "sum(tokens)", "sum(cost_usd)", "avg(cost_usd)", "uniq(user)"];
const OF_SCORES = ["count", "avg(value)", "p50(value)", "min(value)", "max(value)"];
const MEASURES = { spans: OF_SPANS, traces: OF_TRACES, scores: OF_SCORES };
const TRACE_GROUPS = ["name", "user", "session", "environment", "release", "version", "status"];
const SCORE_GROUPS = ["score", "text", "source"];

function quantiles(field: string): string[] {
  return QUANTILES.map((each) => `${each}(${field})`);
}

function groupsOf(source: SavedChart["source"], fields: readonly QueryField[]): string[] {
  if (source === "traces") return TRACE_GROUPS;
  if (source === "scores") return SCORE_GROUPS;
  return fields.filter((field) => field.kind === "text" || field.kind === "choice" || field.kind === "flag").map((field) => field.name);
}

/** Keeps a chart one that can be drawn: what does not go with the new choice falls back. */
function sound(chart: SavedChart): SavedChart {
  const known = MEASURES[chart.source];
  const measures = chart.measures.filter((measure) => known.includes(measure) || chart.source === "spans");
  const some = measures.length === 0 ? ["count"] : measures;
  const group = chart.kind === "number" ? "" : chart.group_by;
  const single = chart.kind === "number" || (group !== "" && chart.kind !== "table");
  return { ...chart, group_by: group, measures: single ? some.slice(0, 1) : some };
}

function Measures({ chart, change }: { chart: SavedChart; change: (more: Partial<SavedChart>) => void }) {
  const known = MEASURES[chart.source];
  const all = [...known, ...chart.measures.filter((measure) => !known.includes(measure))];
  const single = chart.kind === "number" || (chart.group_by !== "" && chart.kind !== "table");
  const options = all.map((value) => ({ value, label: label(value, chart.source) }));
  if (single) return <Select label="Measure" searchable allowDeselect={false} data={options} value={chart.measures[0] ?? "count"} onChange={(value) => value !== null && change({ measures: [value] })} />;
  const toggle = (value: string) => {
    const next = chart.measures.includes(value) ? chart.measures.filter((each) => each !== value) : [...chart.measures, value].slice(0, 8);
    if (next.length > 0) change({ measures: next });
  };
  return (
    <fieldset className={classes.measures}>
      <legend>Measures</legend>
      {options.map((option) => (
        <Checkbox key={option.value} label={option.label} checked={chart.measures.includes(option.value)} onChange={() => toggle(option.value)} />
      ))}
    </fieldset>
  );
}

export function ChartForm({ project, chart: before, onSave, onCancel }: { project: string; chart: SavedChart; onSave: (chart: SavedChart) => void; onCancel: () => void }) {
  const [chart, setChart] = useState(before);
  const [q, setQ] = useState(before.q);
  const fields = useQuery(queryFieldsQuery).data ?? [];
  const change = (more: Partial<SavedChart>) => setChart((now) => sound({ ...now, ...more }));
  const title = chart.title.trim() === "" ? chart.measures.map((measure) => label(measure, chart.source)).join(", ") + (chart.group_by === "" ? "" : ` by ${groupTitle(chart.group_by)}`) : chart.title.trim();
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        onSave({ ...chart, title: title.slice(0, 120), q: q.trim() });
      }}
    >
      <div className={classes.choices}>
        <TextInput label="Title" data-autofocus placeholder={title} maxLength={120} value={chart.title} onChange={(event) => change({ title: event.currentTarget.value })} />
        <SegmentedControl aria-label="Type of chart" fullWidth data={KINDS} value={chart.kind} onChange={(kind) => change({ kind: kind as SavedChart["kind"] })} />
        <Select label="Figures of" allowDeselect={false} data={SOURCES} value={chart.source} onChange={(source) => change({ source: source as SavedChart["source"], measures: ["count"], group_by: "" })} />
        <Measures chart={chart} change={change} />
        {chart.kind !== "number" && (
          <Select label="By" clearable searchable placeholder="all together" data={groupsOf(chart.source, fields)} value={chart.group_by === "" ? null : chart.group_by} onChange={(value) => change({ group_by: value ?? "" })} />
        )}
        <TextInput
          label="Only where"
          description="A query, such as model:gpt* status:error"
          value={q}
          onChange={(event) => setQ(event.currentTarget.value)}
          onBlur={() => change({ q: q.trim() })}
        />
        <div className={classes.pair}>
          {chart.group_by !== "" && <NumberInput label="At most" min={1} max={50} allowDecimal={false} value={chart.top} onChange={(value) => change({ top: Math.min(50, Math.max(1, Number(value) || 1)) })} />}
          <Select label="Width" allowDeselect={false} data={["1", "2", "3", "4"].map((value) => ({ value, label: `${value} of 4 columns` }))} value={String(chart.width)} onChange={(value) => change({ width: Number(value ?? 2) })} />
        </div>
      </div>
      <div className={classes.preview} aria-label="Preview">
        <ChartCard project={project} chart={{ ...chart, title, width: 4 }} actions={null} />
      </div>
      <div className={classes.formActions}>
        <Actions>
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit">{before.title === "" ? "Add chart" : "Save chart"}</Button>
        </Actions>
      </div>
    </form>
  );
}
