import {
  IconBinaryTree,
  IconChevronDown,
  IconChevronRight,
  IconDatabaseSearch,
  IconExclamationCircleFilled,
  IconMessage,
  IconPoint,
  IconRobot,
  IconShieldCheck,
  IconTool,
  IconVector,
} from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import type { SpanDetail, SpanKind } from "@/api/types";
import { colourOf } from "@/lib/colour";
import { duration, exactDuration, tidy } from "@/lib/format";
import { axis, type Row } from "./tree";
import classes from "./waterfall.module.css";

const ROW_PX = 28;

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

/** Models keep their colour; every other step is quiet, so that the calls stand out. */
export function spanColour(span: SpanDetail): string {
  const model = span.model_served || span.model_requested;
  return model === "" ? "var(--unknown-mark)" : colourOf(model);
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
      <span className={classes.bar} data-thin={bar.thin || undefined} data-failed={bar.failed || undefined} style={{ left: `${left}%`, width: `${width}%`, color: bar.failed ? "var(--error-mark)" : bar.colour }}>
        {wait !== null && <span className={classes.wait} style={{ width: `${wait}%` }} />}
        {wait !== null && !bar.thin && <span className={classes.first} style={{ left: `${wait}%` }} />}
      </span>
      <span className={classes.time} style={{ left: `${left + width}%` }}>
        {bar.label}
      </span>
    </span>
  );
}

function Name({ row, onFold }: { row: Row; onFold: (id: string) => void }) {
  const indent = 8 + Math.min(row.depth, 14) * 14;
  if (row.kind === "attempt") {
    const code = row.attempt.error_code ?? "";
    return (
      <span className={classes.name} style={{ paddingLeft: indent + 18 }} data-quiet>
        {code !== "" && <IconExclamationCircleFilled size={13} color="var(--error-mark)" aria-label="failed" />}
        <span className={classes.label}>
          {row.attempt.account}
          {code !== "" && <span className={classes.code}> {code}</span>}
        </span>
      </span>
    );
  }
  const { span } = row;
  return (
    <span className={classes.name} style={{ paddingLeft: indent }}>
      {row.foldable ? (
        <button
          type="button"
          className={classes.fold}
          tabIndex={-1}
          aria-label={row.folded ? `Unfold ${span.name}` : `Fold ${span.name}`}
          onClick={(event) => {
            event.stopPropagation();
            onFold(row.id);
          }}
        >
          {row.folded ? <IconChevronRight size={13} /> : <IconChevronDown size={13} />}
        </button>
      ) : (
        <span className={classes.fold} />
      )}
      <span className={classes.kind} style={{ color: span.status === "error" ? "var(--error-mark)" : spanColour(span) }}>
        {span.status === "error" ? <IconExclamationCircleFilled size={14} aria-label="failed" /> : <KindIcon kind={span.kind} />}
      </span>
      <span className={classes.label} title={span.name}>
        {span.name}
      </span>
      {row.hidden > 0 && <span className={classes.hidden}>{row.hidden}</span>}
    </span>
  );
}

interface Props {
  rows: readonly Row[];
  totalMs: number;
  selected: string;
  onSelect: (spanId: string) => void;
  onFold: (spanId: string) => void;
}

export function Waterfall({ rows, totalMs, selected, onSelect, onFold }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_PX, overscan: 16 });
  const marks = useMemo(() => axis(totalMs), [totalMs]);
  const count = useMemo(() => rows.filter((row) => row.kind === "span").length, [rows]);
  const at = rows.findIndex((row) => row.kind === "span" && row.id === selected);
  const { scrollToIndex } = virtual;
  useEffect(() => {
    if (at >= 0) scrollToIndex(at, { align: "auto" });
  }, [at, scrollToIndex]);
  return (
    <div className={classes.waterfall}>
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
      <div className={classes.rows} ref={scroller} role="tree" aria-label="Spans" tabIndex={0} aria-activedescendant={at >= 0 ? `span-${selected}` : undefined}>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          <div className={classes.grid} aria-hidden>
            {marks.map((mark) => (
              <i key={mark} style={{ left: `${totalMs === 0 ? 0 : (mark / totalMs) * 100}%` }} />
            ))}
          </div>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const chosen = row.kind === "span" && row.id === selected;
            return (
              <div
                key={row.id}
                id={`span-${row.id}`}
                role="treeitem"
                aria-level={row.depth + 1}
                aria-selected={chosen}
                aria-expanded={row.kind === "span" && row.foldable ? !row.folded : undefined}
                className={classes.row}
                data-attempt={row.kind === "attempt" || undefined}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => onSelect(row.span.span_id)}
              >
                <Name row={row} onFold={onFold} />
                <Bar row={row} totalMs={totalMs} />
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
