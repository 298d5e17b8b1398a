import type { ColumnDef } from "@tanstack/react-table";
import type { SortField, TraceSummary } from "@/api/types";
import { CommentCount } from "@/features/comments";
import { colourOf } from "@/lib/colour";
import { cost, count, duration, exactDuration, exactMoney, exactTime, grouped, NONE, rate, timeOfDay, UNPRICED } from "@/lib/format";
import { ColourName } from "@/ui/parts";
import { Status } from "../Status";
import { total } from "../usage";
import classes from "./list.module.css";

export interface Cells {
  keyName: (id: string) => string;
  /** How many comments a trace has. */
  commentsOf: (traceId: string) => number;
  /** The longest latency on the page, for the little bars. */
  longestMs: number;
  now: Date;
}

type Column = ColumnDef<TraceSummary> & { id: string; meta: { label: string; sort?: SortField; right?: boolean; stretch?: boolean; render: (trace: TraceSummary, cells: Cells) => React.ReactNode } };

function column(id: string, label: string, size: number, render: Column["meta"]["render"], more: { sort?: SortField; right?: boolean; stretch?: boolean; minSize?: number } = {}): Column {
  const { minSize = 56, ...meta } = more;
  return { id, header: label, size, minSize, meta: { label, render, ...meta } };
}

function Latency({ ms, longestMs }: { ms: number; longestMs: number }) {
  return (
    <span className={classes.latency} title={exactDuration(ms)}>
      <span className={classes.latencyTrack}>
        <i style={{ width: `${longestMs === 0 ? 0 : Math.max(3, Math.sqrt(ms / longestMs) * 100)}%` }} />
      </span>
      <span>{duration(ms)}</span>
    </span>
  );
}

function Time({ at, now }: { at: string; now: Date }) {
  const date = new Date(at);
  return (
    <time dateTime={at} title={exactTime(date)} className={classes.time}>
      {timeOfDay(date, now)}
    </time>
  );
}

function ModelNames({ models }: { models: readonly string[] }) {
  const first = models[0];
  if (first === undefined) return <span className={classes.none}>{NONE}</span>;
  return (
    <span className={classes.modelCell} title={models.join("\n")}>
      <ColourName colour={colourOf(first)}>{first}</ColourName>
      {models.length > 1 && <span className={classes.more}>+{models.length - 1}</span>}
    </span>
  );
}

const quiet = (text: string) => <span className={text === NONE ? classes.none : undefined}>{text}</span>;

function Tokens({ trace }: { trace: TraceSummary }) {
  const into = total(trace.usage, "in");
  const out = total(trace.usage, "out");
  if (into + out === 0) return <span className={classes.none}>{NONE}</span>;
  return (
    <span title={`${grouped(into)} in, ${grouped(out)} out`}>
      {count(into)} <span className={classes.arrow}>→</span> {count(out)}
    </span>
  );
}

function Cost({ trace }: { trace: TraceSummary }) {
  const text = cost(trace.cost_usd, trace.unpriced_count);
  const title = trace.cost_usd === null ? (text === UNPRICED ? "No price is known for this model" : "Nothing to price") : exactMoney(trace.cost_usd);
  return (
    <span className={text === UNPRICED ? classes.unpriced : text === NONE ? classes.none : undefined} title={title}>
      {text}
      {trace.cost_usd !== null && trace.unpriced_count > 0 && <span title={`${trace.unpriced_count} calls unpriced`}>*</span>}
    </span>
  );
}

export const COLUMNS: readonly Column[] = [
  column("time", "Time", 108, (trace, { now }) => <Time at={trace.started_at} now={now} />, { sort: "started_at" }),
  column("status", "Status", 136, (trace) => <Status status={trace.status} code={trace.error_code} quiet />),
  column("name", "Name", 148, (trace, { commentsOf }) => <span title={trace.name}><CommentCount count={commentsOf(trace.trace_id)} /> {trace.name}</span>),
  column("model", "Model", 148, (trace) => <ModelNames models={trace.models} />),
  column("input", "Input", 128, (trace) => (trace.match ? <span className={classes.match} title={trace.match}>{trace.match}</span> : <span title={trace.input_preview}>{quiet(trace.input_preview || NONE)}</span>), { minSize: 96, stretch: true }),
  column("latency", "Latency", 116, (trace, { longestMs }) => <Latency ms={trace.duration_ms} longestMs={longestMs} />, { sort: "duration", right: true }),
  column("ttft", "TTFT", 72, (trace) => <span title={exactDuration(trace.ttft_ms)}>{quiet(duration(trace.ttft_ms))}</span>, { sort: "ttft", right: true }),
  column("tokens", "Tokens", 112, (trace) => <Tokens trace={trace} />, { sort: "tokens", right: true }),
  column("speed", "Speed", 88, (trace) => <span title={grouped(trace.tokens_per_s)}>{quiet(rate(trace.tokens_per_s))}</span>, { right: true }),
  column("cost", "Cost", 112, (trace) => <Cost trace={trace} />, { sort: "cost", right: true }),
  column("output", "Output", 212, (trace) => <span className={classes.output} title={trace.output_preview}>{quiet(trace.output_preview || NONE)}</span>, { minSize: 96, stretch: true }),
  column("key", "Key", 120, (trace, { keyName }) => quiet(trace.key_ids.map(keyName).join(", ") || NONE)),
  column("user", "User", 120, (trace) => <span title={trace.user_id}>{quiet(trace.user_id || NONE)}</span>),
  column("session", "Session", 120, (trace) => <span title={trace.session_id}>{quiet(trace.session_id || NONE)}</span>),
  column("spans", "Spans", 64, (trace) => grouped(trace.span_count), { right: true }),
];

/** Hidden until the reader asks for them. */
export const HIDDEN_AT_FIRST = { session: false, spans: false } as const;
