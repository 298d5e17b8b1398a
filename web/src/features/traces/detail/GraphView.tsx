import { useMemo } from "react";
import { duration, exactDuration, exactMoney, money } from "@/lib/format";
import { colourOf } from "@/lib/colour";
import { buildGraph, type Step, type Way } from "./graph";
import classes from "./graph.module.css";
import type { Tree } from "./tree";
import { KIND_WORDS, KindIcon } from "./Waterfall";

const WIDE = 200;
const HIGH = 58;
const GAP_X = 84;
const GAP_Y = 18;
const EDGE = 24;

const left = (step: Step) => EDGE + step.layer * (WIDE + GAP_X);
const top = (step: Step) => EDGE + step.place * (HIGH + GAP_Y);

/** Forwards from side to side; back and within a layer in a bow, so that it is not hidden behind what it passes. */
function path(from: Step, to: Step): string {
  const [y1, y2] = [top(from) + HIGH / 2, top(to) + HIGH / 2];
  if (to.layer > from.layer) {
    const [x1, x2] = [left(from) + WIDE, left(to)];
    const bend = (x2 - x1) / 2;
    return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
  }
  const [x1, x2] = [left(from) + WIDE, left(to) + WIDE];
  const out = Math.max(x1, x2) + GAP_X * 0.55;
  return `M${x1},${y1} C${out},${y1} ${out},${y2} ${x2},${y2}`;
}

function Line({ way, steps, lit }: { way: Way; steps: ReadonlyMap<string, Step>; lit: boolean }) {
  const from = steps.get(way.from);
  const to = steps.get(way.to);
  if (from === undefined || to === undefined) return null;
  return (
    <path d={path(from, to)} className={classes.way} data-lit={lit || undefined} strokeWidth={1 + Math.min(5, Math.log2(way.count))} markerEnd="url(#way-end)">
      <title>{`${from.name} → ${to.name}: ${way.count.toLocaleString("en-US")}`}</title>
    </path>
  );
}

function Box({ step, chosen, onSelect }: { step: Step; chosen: boolean; onSelect: (spanId: string) => void }) {
  const about = [
    `${KIND_WORDS[step.kind]} ${step.name}`,
    `${step.count.toLocaleString("en-US")} ${step.count === 1 ? "span" : "spans"}, ${exactDuration(step.totalMs)} together`,
    step.costUsd === null ? "" : exactMoney(step.costUsd),
    step.failed === 0 ? "" : `${step.failed.toLocaleString("en-US")} failed`,
  ];
  return (
    <button
      type="button"
      className={classes.step}
      data-chosen={chosen || undefined}
      data-failed={step.failed > 0 || undefined}
      style={{ left: left(step), top: top(step), width: WIDE, height: HIGH }}
      title={about.filter((line) => line !== "").join("\n")}
      onClick={() => onSelect(step.spanId)}
    >
      <span className={classes.name} style={{ "--colour": step.kind === "llm" ? colourOf(step.name) : "var(--text-3)" } as React.CSSProperties}>
        <KindIcon kind={step.kind} />
        <span>{step.name}</span>
      </span>
      <span className={classes.figures}>
        <b>{step.count.toLocaleString("en-US")}×</b>
        <span>{duration(step.totalMs)}</span>
        {step.costUsd !== null && <span>{money(step.costUsd)}</span>}
        {step.failed > 0 && <span className={classes.failed}>{step.failed.toLocaleString("en-US")} failed</span>}
      </span>
    </button>
  );
}

/** Which agents, tools and models took part in a trace, and who called whom. */
export function GraphView({ tree, selected, onSelect }: { tree: Tree; selected: string; onSelect: (spanId: string) => void }) {
  const graph = useMemo(() => buildGraph(tree), [tree]);
  const steps = useMemo(() => new Map(graph.steps.map((step) => [step.id, step])), [graph]);
  const width = 2 * EDGE + graph.layers * (WIDE + GAP_X);
  const height = 2 * EDGE + graph.tallest * (HIGH + GAP_Y);
  const chosen = graph.steps.find((step) => step.spanId === selected)?.id;
  return (
    <div className={classes.graph} role="region" aria-label="Graph" tabIndex={0}>
      <div className={classes.plane} style={{ width, height }}>
        <svg width={width} height={height} aria-hidden>
          <defs>
            <marker id="way-end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
              <path d="M0,0 L8,4 L0,8 z" className={classes.tip} />
            </marker>
          </defs>
          {graph.ways.map((way) => (
            <Line key={`${way.from}\n\n${way.to}`} way={way} steps={steps} lit={chosen !== undefined && (way.from === chosen || way.to === chosen)} />
          ))}
        </svg>
        {graph.steps.map((step) => (
          <Box key={step.id} step={step} chosen={step.id === chosen} onSelect={onSelect} />
        ))}
      </div>
      {graph.hidden > 0 && <p className={classes.note}>{graph.hidden.toLocaleString("en-US")} rarer steps are not drawn.</p>}
    </div>
  );
}
