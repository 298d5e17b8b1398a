import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo, useRef } from "react";
import { asApiError } from "@/api/client";
import { sourceOf, spanQuery, type TraceSource } from "@/api/trace";
import type { TraceSummary } from "@/api/types";
import { useProject } from "@/api/useProject";
import { cost, count, duration, exactDuration, exactMoney, money, NONE } from "@/lib/format";
import { text } from "@/lib/search";
import { ErrorState, Skeleton } from "@/ui/parts";
import { Split } from "@/ui/Split";
import type { Node } from "../detail/tree";
import { useRowWindow } from "../detail/useRowWindow";
import { useTree, type LoadedTree } from "../detail/useTree";
import { KindIcon } from "../detail/Waterfall";
import { Status } from "../Status";
import { total } from "../usage";
import { align, type Pair } from "./align";
import classes from "./compare.module.css";
import { diff, readable } from "./diff";

const ROW_PX = 30;

/** By how much the second is more or less than the first. */
function Change({ a, b }: { a: number | null; b: number | null }) {
  if (a === null || b === null || a === 0 || a === b) return <span className={classes.change} />;
  const share = (b - a) / a;
  if (Math.abs(share) < 0.005) return <span className={classes.change} />;
  return (
    <span className={classes.change} data-more={share > 0 || undefined}>
      {share > 0 ? "+" : "−"}
      {Math.abs(share) >= 10 ? "≥1,000" : Math.round(Math.abs(share) * 100)} %
    </span>
  );
}

function Side({ node }: { node: Node | null }) {
  if (node === null) return <span className={classes.none}>{NONE}</span>;
  const { span } = node;
  const tokens = span.input_tokens + span.output_tokens;
  return (
    <span className={classes.side}>
      <span title={exactDuration(span.duration_ms)} data-failed={span.status === "error" || undefined}>
        {duration(span.duration_ms)}
      </span>
      <span title={tokens === 0 ? undefined : `${span.input_tokens} in, ${span.output_tokens} out`}>{tokens === 0 ? "" : count(tokens)}</span>
      <span title={exactMoney(span.cost_usd)}>{span.cost_usd === null ? "" : money(span.cost_usd)}</span>
    </span>
  );
}

function Row({ pair, top, chosen, onSelect }: { pair: Pair; top: number; chosen: boolean; onSelect: (id: string) => void }) {
  const span = (pair.a ?? pair.b)?.span;
  if (span === undefined) return null;
  const only = pair.a === null ? "b" : pair.b === null ? "a" : undefined;
  return (
    <div role="row" aria-selected={chosen} className={classes.row} data-only={only} style={{ transform: `translateY(${top}px)` }} onClick={() => onSelect(pair.id)}>
      <span role="cell" className={classes.name} style={{ paddingLeft: 12 + Math.min(pair.depth, 12) * 14 }} title={span.name}>
        <KindIcon kind={span.kind} />
        <span>{span.name}</span>
      </span>
      <span role="cell">
        <Side node={pair.a} />
      </span>
      <span role="cell">
        <Side node={pair.b} />
      </span>
      <span role="cell">
        <Change a={pair.a?.span.duration_ms ?? null} b={pair.b?.span.duration_ms ?? null} />
      </span>
    </div>
  );
}

function Rows({ pairs, selected, onSelect }: { pairs: readonly Pair[]; selected: string; onSelect: (id: string) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const drawn = useRowWindow(box, ROW_PX, pairs.length);
  return (
    <div className={classes.rows} role="table" aria-label="Aligned spans" aria-rowcount={pairs.length}>
      <div className={classes.head} role="row">
        <span role="columnheader">Span</span>
        <span role="columnheader">First</span>
        <span role="columnheader">Second</span>
        <span role="columnheader">Time</span>
      </div>
      <div className={classes.scroll} ref={box} role="rowgroup" tabIndex={0}>
        <div style={{ height: pairs.length * ROW_PX, position: "relative" }}>
          {pairs.slice(drawn.from, drawn.to).map((pair, index) => (
            <Row key={pair.id} pair={pair} top={(drawn.from + index) * ROW_PX} chosen={pair.id === selected} onSelect={onSelect} />
          ))}
        </div>
      </div>
    </div>
  );
}

function Difference({ title, a, b }: { title: string; a: string; b: string }) {
  const lines = useMemo(() => diff(readable(a), readable(b)), [a, b]);
  if (lines.length === 0) return null;
  const same = lines.every((line) => line.side === "both");
  return (
    <section className={classes.difference} aria-label={title}>
      <h2>
        {title} {same && <small>is the same</small>}
      </h2>
      <pre tabIndex={0}>
        {lines.slice(0, 4_000).map((line, index) => (
          <span key={index} data-side={line.side}>
            {line.side === "a" ? "- " : line.side === "b" ? "+ " : "  "}
            {line.text}
            {"\n"}
          </span>
        ))}
      </pre>
    </section>
  );
}

const PARTS = [
  ["Output", "output"],
  ["Input", "input"],
  ["Error", "error_detail"],
] as const;

function Details({ pair, sources }: { pair: Pair; sources: readonly [TraceSource, TraceSource] }) {
  const a = useQuery(spanQuery(sources[0], pair.a?.span.span_id ?? ""));
  const b = useQuery(spanQuery(sources[1], pair.b?.span.span_id ?? ""));
  // A query without a span never starts.
  if (a.isLoading || b.isLoading) return <Skeleton height={120} />;
  const failed = a.error ?? b.error;
  if (failed !== null) return <ErrorState failure={asApiError(failed)} />;
  return (
    <div className={classes.details}>
      {PARTS.map(([title, part]) => (
        <Difference key={part} title={title} a={a.data?.[part] ?? ""} b={b.data?.[part] ?? ""} />
      ))}
    </div>
  );
}

function Facts({ summary, word }: { summary: TraceSummary; word: string }) {
  return (
    <div className={classes.facts}>
      <small>{word}</small>
      <Link to={"/traces/$traceId" as never} params={{ traceId: summary.trace_id } as never} search={((before: Record<string, unknown>) => ({ project: before.project, at: summary.started_at })) as never}>
        {summary.name}
      </Link>
      <Status status={summary.status} code={summary.error_code} />
      <span title={exactDuration(summary.duration_ms)}>{duration(summary.duration_ms)}</span>
      <span>
        {count(total(summary.usage, "in"))} → {count(total(summary.usage, "out"))} tokens
      </span>
      <span>{cost(summary.cost_usd, summary.unpriced_count)}</span>
      <time dateTime={summary.started_at}>{new Date(summary.started_at).toLocaleString()}</time>
    </div>
  );
}

function Compared({ a, b, sources }: { a: LoadedTree; b: LoadedTree; sources: readonly [TraceSource, TraceSource] }) {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const navigate = useNavigate();
  const pairs = useMemo(() => align(a.tree, b.tree), [a.tree, b.tree]);
  const asked = text(search.row);
  const pair = pairs.find((each) => each.id === asked) ?? pairs[0];
  const select = (id: string) => void navigate({ to: ".", replace: true, resetScroll: false, search: ((before: Record<string, unknown>) => ({ ...before, row: id })) as never });
  return (
    <div className={classes.page}>
      <header className={classes.header}>
        <h1>Compare traces</h1>
        <Facts summary={a.summary} word="First" />
        <Facts summary={b.summary} word="Second" />
      </header>
      <Split name="compare" initial={50} first={<Rows pairs={pairs} selected={pair?.id ?? ""} onSelect={select} />} second={pair !== undefined && <Details key={pair.id} pair={pair} sources={sources} />} />
    </div>
  );
}

/** Two traces of one project side by side; which, stands in the address. */
export function ComparePage() {
  const project = useProject();
  const search: Record<string, unknown> = useSearch({ strict: false });
  const [one, oneAt, other, otherAt] = [text(search.a), text(search.a_at), text(search.b), text(search.b_at)];
  const first = useMemo(() => (project === undefined || one === undefined ? null : sourceOf(project.id, one, oneAt)), [project, one, oneAt]);
  const second = useMemo(() => (project === undefined || other === undefined ? null : sourceOf(project.id, other, otherAt)), [project, other, otherAt]);
  const a = useTree(first);
  const b = useTree(second);
  const failed = a.error ?? b.error;
  if (failed !== null) return <ErrorState failure={asApiError(failed)} onRetry={() => void (a.error === null ? b : a).retry()} />;
  if (a.loaded === null || b.loaded === null || first === null || second === null) return <Skeleton height={240} />;
  return <Compared a={a.loaded} b={b.loaded} sources={[first, second]} />;
}
