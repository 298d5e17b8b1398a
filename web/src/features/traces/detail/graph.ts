/** A trace as a graph of its agents, tools and model calls: spans of one kind and name are one step, with the ways
 *  between them. Linear in the number of spans. */
import { plain, sum } from "@/lib/decimal";
import type { Node, Tree, TreeSpan } from "./tree";

export interface Step {
  id: string;
  kind: TreeSpan["kind"];
  name: string;
  count: number;
  failed: number;
  totalMs: number;
  costUsd: string | null;
  /** From the left, 0 on. */
  layer: number;
  /** From the top within its layer. */
  place: number;
  /** The first of its spans. */
  spanId: string;
}

export interface Way {
  from: string;
  to: string;
  count: number;
}

export interface Graph {
  steps: Step[];
  ways: Way[];
  layers: number;
  /** Most steps in one layer. */
  tallest: number;
  /** Steps that are left out because there are too many. */
  hidden: number;
}

const MOST_STEPS = 200;
/** Numbers and ids in names would make a step of each span. */
const VARYING = /\b(?:[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{12,}|\d+)\b/gi;
/** Steps that only hold others together are skipped; what is below them hangs at the next one above. */
const SHOWN: ReadonlySet<TreeSpan["kind"]> = new Set(["agent", "tool", "llm", "embedding", "retriever", "guard"]);

function nameOf({ kind, name, model }: TreeSpan): string {
  if ((kind === "llm" || kind === "embedding") && model !== "") return model;
  return name.replace(VARYING, "#").trim() || name;
}

export function buildGraph(tree: Tree): Graph {
  const steps = new Map<string, Step>();
  const ways = new Map<string, Way>();
  /** Of each span, the step that it or the nearest above it is. */
  const above = new Map<Node, string>();
  const telling = tree.nodes.some((node) => SHOWN.has(node.span.kind));
  for (const node of tree.nodes) {
    const parent = node.parent === null ? "" : (above.get(node.parent) ?? "");
    const isRoot = node.parent === null;
    // A wrapper is the same call as the one below it.
    if ((telling && !SHOWN.has(node.span.kind) && !isRoot) || node.span.wrapper) {
      above.set(node, parent);
      continue;
    }
    const id = `${node.span.kind}\n${nameOf(node.span)}`;
    above.set(node, id);
    count(steps, id, node.span);
    if (parent === "" || parent === id) continue;
    const key = `${parent}\n\n${id}`;
    const way = ways.get(key);
    if (way === undefined) ways.set(key, { from: parent, to: id, count: 1 });
    else way.count += 1;
  }
  return arranged(steps, [...ways.values()]);
}

function count(steps: Map<string, Step>, id: string, span: TreeSpan): void {
  let step = steps.get(id);
  if (step === undefined) {
    step = { id, kind: span.kind, name: nameOf(span), count: 0, failed: 0, totalMs: 0, costUsd: null, layer: 0, place: 0, spanId: span.span_id };
    steps.set(id, step);
  }
  step.count += 1;
  step.failed += span.status === "error" ? 1 : 0;
  step.totalMs += span.duration_ms;
  if (span.cost_usd !== null) step.costUsd = plain(sum([step.costUsd ?? "0", span.cost_usd]));
}

/** Layers by the shortest way from a beginning, so that circles end; order within one by where the ways come from. */
function arranged(all: Map<string, Step>, allWays: Way[]): Graph {
  const kept = new Set([...all.values()].sort((a, b) => b.count - a.count).slice(0, MOST_STEPS));
  const steps = new Map([...all].filter(([, step]) => kept.has(step)));
  const ways = allWays.filter((way) => steps.has(way.from) && steps.has(way.to));
  const next = new Map<string, string[]>();
  const entered = new Set<string>();
  for (const way of ways) {
    const found = next.get(way.from);
    if (found === undefined) next.set(way.from, [way.to]);
    else found.push(way.to);
    entered.add(way.to);
  }
  const layers: Step[][] = [];
  const seen = new Set<string>();
  const begin = (step: Step) => {
    let wave = [step.id];
    for (let layer = 0; wave.length > 0; layer++) {
      const fresh = wave.filter((id) => !seen.has(id));
      if (fresh.length === 0) return;
      const row = (layers[layer] ??= []);
      for (const id of fresh) {
        if (seen.has(id)) continue;
        seen.add(id);
        const each = steps.get(id) as Step;
        each.layer = layer;
        each.place = row.length;
        row.push(each);
      }
      wave = fresh.flatMap((id) => next.get(id) ?? []);
    }
  };
  for (const step of steps.values()) if (!entered.has(step.id)) begin(step);
  for (const step of steps.values()) if (!seen.has(step.id)) begin(step);
  return { steps: [...steps.values()], ways, layers: layers.length, tallest: layers.reduce((most, row) => Math.max(most, row.length), 0), hidden: all.size - steps.size };
}
