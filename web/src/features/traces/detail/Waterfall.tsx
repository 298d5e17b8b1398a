import {
  IconBinaryTree,
  IconDatabaseSearch,
  IconExclamationCircleFilled,
  IconMessage,
  IconPoint,
  IconRobot,
  IconShieldCheck,
  IconTool,
  IconVector,
} from "@tabler/icons-react";
import { memo, useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import type { SpanKind } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { duration, exactDuration, tidy } from "@/lib/format";
import { axis, type Node, type Row, type TreeSpan } from "./tree";
import { useRowWindow } from "./useRowWindow";
import classes from "./waterfall.module.css";

const ROW_PX = 28;
const LIST_PADDING_PX = 8;
const DEEPEST_INDENT = 7;

const KINDS: Record<SpanKind, typeof IconMessage> = {
  llm: IconMessage,
  embedding: IconVector,
  chain: IconBinaryTree,
  agent: IconRobot,
  tool: IconTool,
  retriever: IconDatabaseSearch,
  guard: IconShieldCheck,
  other: IconPoint,
};

export const KIND_WORDS: Record<SpanKind, string> = {
  llm: "Model call",
  embedding: "Embedding",
  chain: "Chain",
  agent: "Agent",
  tool: "Tool",
  retriever: "Retrieval",
  guard: "Guard",
  other: "Step",
};

export function KindIcon({ kind, size = 14 }: { kind: SpanKind; size?: number }) {
  const Icon = KINDS[kind];
  return <Icon size={size} aria-label={KIND_WORDS[kind]} />;
}

const FAILED = "failed";

/** The drawings of all kinds, once; a row only refers to one. */
function Drawings() {
  return (
    <svg className="hidden-visually" aria-hidden>
      {(Object.keys(KINDS) as SpanKind[]).map((kind) => {
        const Icon = KINDS[kind];
        return (
          <symbol key={kind} id={`kind-${kind}`} viewBox="0 0 24 24">
            <Icon size={24} />
          </symbol>
        );
      })}
      <symbol id={`kind-${FAILED}`} viewBox="0 0 24 24">
        <IconExclamationCircleFilled size={24} />
      </symbol>
    </svg>
  );
}

function Drawing({ kind, colour }: { kind: SpanKind | typeof FAILED; colour: string }) {
  return (
    <svg className={classes.kind} style={{ color: colour }} role="img" aria-label={kind === FAILED ? FAILED : KIND_WORDS[kind]}>
      <use href={`#kind-${kind}`} />
    </svg>
  );
}

/** Models keep their colour; every other step is quiet, so that the calls stand out. */
export function spanColour(span: TreeSpan): string {
  return span.model === "" ? "var(--unknown-mark)" : colourOf(span.model);
}

interface BarShape {
  startMs: number;
  waitMs: number | null;
  endMs: number;
  colour: string;
  failed: boolean;
  thin: boolean;
  label: string;
  title: string;
}

function shape(row: Row): BarShape {
  if (row.kind === "span") {
    const { span } = row;
    return {
      startMs: span.start_ms,
      waitMs: span.ttft_ms,
      endMs: span.start_ms + span.duration_ms,
      colour: spanColour(span),
      failed: span.status === "error",
      thin: false,
      label: duration(span.duration_ms),
      title: `${span.name}: ${exactDuration(span.duration_ms)}${span.ttft_ms === null ? "" : `, first token after ${exactDuration(span.ttft_ms)}`}`,
    };
  }
  const { attempt, span } = row;
  const code = attempt.error_code ?? "";
  return {
    startMs: span.start_ms + attempt.start_ms,
    waitMs: attempt.first_byte_ms === null ? null : attempt.first_byte_ms - attempt.start_ms,
    endMs: span.start_ms + attempt.end_ms,
    colour: colourOf(attempt.model),
    failed: code !== "",
    thin: true,
    label: duration(attempt.end_ms - attempt.start_ms),
    title: `Attempt ${row.number} at ${attempt.account}: ${exactDuration(attempt.end_ms - attempt.start_ms)}${code === "" ? "" : `, ${code}`}`,
  };
}

function Bar({ row, totalMs }: { row: Row; totalMs: number }) {
  const bar = shape(row);
  const share = (ms: number) => (totalMs === 0 ? 0 : (ms / totalMs) * 100);
  const left = share(bar.startMs);
  const width = Math.max(share(bar.endMs - bar.startMs), 0.4);
  const wait = bar.waitMs === null || bar.endMs === bar.startMs ? null : Math.min(100, (bar.waitMs / (bar.endMs - bar.startMs)) * 100);
  return (
    <span className={classes.track} title={bar.title}>
      <span
        className={classes.bar}
        data-thin={bar.thin || undefined}
        data-failed={bar.failed || undefined}
        data-wait={wait !== null || undefined}
        style={{ left: `${left}%`, width: `${width}%`, color: bar.failed ? "var(--error-mark)" : bar.colour, ...(wait === null ? undefined : { "--wait": `${wait}%` }) }}
      />
      <span className={classes.time} style={{ left: `${left + width}%` }}>
        {bar.label}
      </span>
    </span>
  );
}

function Name({ row, onFold }: { row: Row; onFold: (id: string) => void }) {
  // A part of the column at most, so that names stay readable; below that the level is told as a number.
  const indent = `min(${8 + Math.min(row.depth, DEEPEST_INDENT) * 14}px, var(--names) * 0.4)`;
  if (row.kind === "attempt") {
    const code = row.attempt.error_code ?? "";
    return (
      <span className={classes.name} style={{ paddingLeft: `calc(${indent} + 18px)` }} data-quiet>
        {code !== "" && <Drawing kind={FAILED} colour="var(--error-mark)" />}
        <span className={classes.label}>
          {row.attempt.account}
          {code !== "" && <span className={classes.code}> {code}</span>}
        </span>
      </span>
    );
  }
  const { span } = row;
  return (
    <span className={classes.name} style={{ paddingLeft: row.foldable ? indent : `calc(${indent} + 22px)` }}>
      {row.foldable && (
        <button
          type="button"
          className={classes.fold}
          data-folded={row.folded || undefined}
          tabIndex={-1}
          aria-label={row.folded ? `Unfold ${span.name}` : `Fold ${span.name}`}
          onClick={(event) => {
            event.stopPropagation();
            onFold(row.id);
          }}
        />
      )}
      <Drawing kind={span.status === "error" ? FAILED : span.kind} colour={span.status === "error" ? "var(--error-mark)" : spanColour(span)} />
      <span className={classes.label} title={span.name} data-wrapper={span.wrapper || undefined}>
        {span.name}
      </span>
      {row.depth > DEEPEST_INDENT && (
        <span className={classes.level} title={`Level ${row.depth + 1}`}>
          {row.depth + 1}
        </span>
      )}
      {span.wrapper && (
        <span className={classes.mark} title="A model call below it carries the same usage, which is counted once.">
          wrapper
        </span>
      )}
      {span.running && <span className={classes.mark}>running</span>}
      {row.hidden > 0 && <span className={classes.hidden}>{row.hidden}</span>}
    </span>
  );
}

interface Props {
  rows: readonly Row[];
  /** Of the whole trace, shown or not. */
  count: number;
  totalMs: number;
  selected: string;
  matched: ReadonlySet<Node>;
  onSelect: (spanId: string) => void;
  onFold: (spanId: string) => void;
  onKey: (event: KeyboardEvent) => void;
}

interface LineProps {
  row: Row;
  top: number;
  chosen: boolean;
  matched: boolean;
  totalMs: number;
  onSelect: (spanId: string) => void;
  onFold: (spanId: string) => void;
}

const Line = memo(function Line({ row, top, chosen, matched, totalMs, onSelect, onFold }: LineProps) {
  return (
    <div
      id={`span-${row.id}`}
      role="treeitem"
      aria-level={row.depth + 1}
      aria-selected={chosen}
      aria-expanded={row.kind === "span" && row.foldable ? !row.folded : undefined}
      className={classes.row}
      data-attempt={row.kind === "attempt" || undefined}
      data-matched={matched || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(row.span.span_id)}
    >
      <Name row={row} onFold={onFold} />
      <Bar row={row} totalMs={totalMs} />
    </div>
  );
});

/** Moves as little as needed to a neighbouring row, and puts a far one into the middle. */
function bringIntoView(box: HTMLElement, top: number): void {
  const { scrollTop, clientHeight } = box;
  const above = scrollTop - top;
  const below = top + ROW_PX - (scrollTop + clientHeight - LIST_PADDING_PX);
  if (above <= 0 && below <= 0) return;
  const near = Math.max(above, below) <= 2 * ROW_PX;
  box.scrollTop = near ? (above > 0 ? top : scrollTop + below) : top - clientHeight / 2;
}

export function Waterfall({ rows, count, totalMs, selected, matched, onSelect, onFold, onKey }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const drawn = useRowWindow(scroller, ROW_PX, rows.length);
  const marks = useMemo(() => axis(totalMs), [totalMs]);
  const at = useMemo(() => rows.findIndex((row) => row.kind === "span" && row.id === selected), [rows, selected]);
  const shown = at >= 0;
  useEffect(() => {
    if (at >= 0 && scroller.current !== null) bringIntoView(scroller.current, at * ROW_PX);
    // Only when another span is looked at, or it comes into the rows: folding and further pages leave the reader where he is.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [selected, shown]);
  return (
    <div className={classes.waterfall}>
      <Drawings />
      <div className={classes.axis} aria-hidden>
        <span>
          {count.toLocaleString("en-US")} {count === 1 ? "span" : "spans"}
        </span>
        <span className={classes.marks}>
          {marks.map((mark) => (
            <span key={mark} style={{ left: `${totalMs === 0 ? 0 : (mark / totalMs) * 100}%` }}>
              {tidy(duration(mark))}
            </span>
          ))}
        </span>
      </div>
      <div className={classes.rows} ref={scroller} role="tree" aria-label="Spans" aria-description={`${count.toLocaleString("en-US")} ${count === 1 ? "span" : "spans"}`} tabIndex={0} aria-activedescendant={at >= 0 ? `span-${selected}` : undefined} onKeyDown={onKey}>
        {/* Not even the shortest transition, as less motion has it: what has not grown yet cannot be scrolled to its end. */}
        <div style={{ height: rows.length * ROW_PX, position: "relative", transition: "none" }}>
          <div className={classes.grid} aria-hidden>
            {marks.map((mark) => (
              <i key={mark} style={{ left: `${totalMs === 0 ? 0 : (mark / totalMs) * 100}%` }} />
            ))}
          </div>
          {rows.slice(drawn.from, drawn.to).map((row, index) => {
            const isSpan = row.kind === "span";
            return (
              <Line
                // Elements that are filled anew, as a pool of them would be, are laid out three times as slowly as new ones.
                key={row.id}
                row={row}
                top={(drawn.from + index) * ROW_PX}
                chosen={isSpan && row.id === selected}
                matched={isSpan && matched.has(row.node)}
                totalMs={totalMs}
                onSelect={onSelect}
                onFold={onFold}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}
