/** The spans of a trace as a tree and as the visible rows of a waterfall; linear in the number of spans. */
import type { AttemptDetail, TreePage } from "@/api/types";

type Light = TreePage["spans"][number];

/** A span without its bodies, every field there. */
export type TreeSpan = Required<Light>;

export interface Node {
  span: TreeSpan;
  parent: Node | null;
  depth: number;
  children: Node[];
  /** Position in `Tree.nodes`; all that is below it stands between it and `end`. */
  index: number;
  end: number;
}

export interface Tree {
  roots: Node[];
  /** Every span once, parents before children, siblings by start. */
  nodes: Node[];
  byId: ReadonlyMap<string, Node>;
  /** Depth of the deepest span. */
  depth: number;
  totalMs: number;
}

export type Row =
  | { kind: "span"; id: string; node: Node; depth: number; span: TreeSpan; foldable: boolean; folded: boolean; hidden: number }
  | { kind: "attempt"; id: string; depth: number; span: TreeSpan; attempt: AttemptDetail; number: number };

/** What the wire leaves out because it is empty, put back. */
export function complete(span: Light): TreeSpan {
  return {
    span_id: span.span_id,
    parent_span_id: span.parent_span_id ?? "",
    name: span.name,
    kind: span.kind,
    start_ms: span.start_ms,
    duration_ms: span.duration_ms,
    ttft_ms: span.ttft_ms ?? null,
    status: span.status ?? "ok",
    error_code: span.error_code ?? "",
    level: span.level ?? "",
    model: span.model ?? "",
    input_tokens: span.input_tokens ?? 0,
    output_tokens: span.output_tokens ?? 0,
    cost_usd: span.cost_usd ?? null,
    cost_status: span.cost_status ?? "unmetered",
    running: span.running ?? false,
    abandoned: span.abandoned ?? false,
    wrapper: span.wrapper ?? false,
    has_body: span.has_body ?? false,
    attempts: span.attempts ?? [],
  };
}

/** A span whose parent is missing, or that is its own ancestor, becomes a root: nothing is ever left out. */
export function buildTree(spans: readonly TreeSpan[]): Tree {
  const byId = new Map<string, Node>();
  for (const span of spans) byId.set(span.span_id, { span, parent: null, depth: 0, children: [], index: -1, end: 0 });
  for (const node of byId.values()) node.parent = byId.get(node.span.parent_span_id) ?? null;
  cutCircles(byId.values());
  const roots: Node[] = [];
  for (const node of byId.values()) (node.parent?.children ?? roots).push(node);
  return { roots, byId, ...settle(roots), totalMs: spans.reduce((most, span) => Math.max(most, span.start_ms + span.duration_ms), 0) };
}

/** Walks up from each span, over none twice; who is met again on one way up closes a circle and loses its parent. */
function cutCircles(nodes: Iterable<Node>): void {
  const walked = new Map<Node, Node>();
  for (const start of nodes) {
    for (let at: Node | null = start; at !== null; at = at.parent) {
      const by = walked.get(at);
      if (by === start) at.parent = null;
      if (by !== undefined) break;
      walked.set(at, start);
    }
  }
}

/** Orders siblings and sets depths and positions, without recursion. */
function settle(roots: Node[]): { nodes: Node[]; depth: number } {
  const byStart = (a: Node, b: Node) => a.span.start_ms - b.span.start_ms;
  const nodes: Node[] = [];
  let depth = 0;
  roots.sort(byStart);
  const stack = [...roots].reverse();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    node.index = nodes.length;
    nodes.push(node);
    depth = Math.max(depth, node.depth);
    node.children.sort(byStart);
    for (let index = node.children.length - 1; index >= 0; index--) {
      const child = node.children[index] as Node;
      child.depth = node.depth + 1;
      stack.push(child);
    }
  }
  for (let index = nodes.length - 1; index >= 0; index--) {
    const node = nodes[index] as Node;
    const last = node.children[node.children.length - 1];
    node.end = last === undefined ? index + 1 : last.end;
  }
  return { nodes, depth };
}

/** The rows to show: without what is below folded spans; with `kept` only those spans and what leads to them. */
export function visibleRows({ nodes }: Tree, folded: ReadonlySet<string>, kept: ReadonlySet<Node> | null = null): Row[] {
  const rows: Row[] = [];
  for (let index = 0; index < nodes.length; ) {
    const node = nodes[index] as Node;
    if (kept !== null && !kept.has(node)) {
      index = node.end;
      continue;
    }
    const { span, depth } = node;
    const isFolded = folded.has(span.span_id);
    const foldable = node.children.length + span.attempts.length > 0;
    rows.push({ kind: "span", id: span.span_id, node, depth, span, foldable, folded: isFolded && foldable, hidden: isFolded ? node.end - node.index - 1 : 0 });
    if (!isFolded) span.attempts.forEach((attempt, at) => rows.push({ kind: "attempt", id: `${span.span_id}#${at}`, depth: depth + 1, span, attempt, number: at + 1 }));
    index = isFolded ? node.end : index + 1;
  }
  return rows;
}

/** The spans and everything above them. */
export function withAncestors(nodes: Iterable<Node>): Set<Node> {
  const kept = new Set<Node>();
  for (const node of nodes) for (let at: Node | null = node; at !== null && !kept.has(at); at = at.parent) kept.add(at);
  return kept;
}

/** What is folded when only `depth` levels are to be seen. */
export function foldedTo({ nodes }: Tree, depth: number): Set<string> {
  const folded = new Set<string>();
  for (const node of nodes) if (node.depth >= depth - 1 && node.children.length + node.span.attempts.length > 0) folded.add(node.span.span_id);
  return folded;
}

/** The folds without those that hide a span. */
export function revealing(folded: ReadonlySet<string>, node: Node): ReadonlySet<string> {
  let next: Set<string> | null = null;
  for (let at = node.parent; at !== null; at = at.parent) {
    if (!folded.has(at.span.span_id)) continue;
    next ??= new Set(folded);
    next.delete(at.span.span_id);
  }
  return next ?? folded;
}

/** Spans whose name, model, error or id holds the text, or whose kind or status it is; what went in and out only the
 *  server knows. */
export function findInTree({ nodes }: Tree, text: string): Set<Node> {
  const wanted = text.toLowerCase();
  const found = new Set<Node>();
  for (const node of nodes) {
    const { name, model, kind, status, error_code, span_id } = node.span;
    if (kind === wanted || status === wanted || `${name}\n${model}\n${error_code}\n${span_id}`.toLowerCase().includes(wanted)) found.add(node);
  }
  return found;
}

/** Where the reader most likely wants to look first: the cause of a failure, else the root when it has something to
 *  read, else the first model call. */
export function firstInteresting({ nodes }: Tree): TreeSpan | undefined {
  const spans = nodes.map((node) => node.span);
  const failed = spans.filter((span) => span.status === "error");
  const parents = new Set(failed.map((span) => span.parent_span_id));
  const root = spans[0];
  const readable = root?.has_body === true ? root : undefined;
  return failed.find((span) => !parents.has(span.span_id)) ?? readable ?? spans.find((span) => span.kind === "llm") ?? root;
}

/** Round positions for the time axis, from zero. */
export function axis(totalMs: number, most = 4): number[] {
  if (totalMs <= 0) return [0];
  const rough = totalMs / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 10 * power;
  const marks: number[] = [];
  for (let index = 0; index * step <= totalMs * 0.94; index++) marks.push(index * step);
  return marks;
}
