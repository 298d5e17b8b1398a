/** The spans of a trace as a tree and as the visible rows of a waterfall; linear in the number of spans. */
import type { AttemptDetail, SpanDetail } from "@/api/types";

export interface Node {
  span: SpanDetail;
  depth: number;
  children: Node[];
}

export type Row =
  | { kind: "span"; id: string; depth: number; span: SpanDetail; foldable: boolean; folded: boolean; hidden: number }
  | { kind: "attempt"; id: string; depth: number; span: SpanDetail; attempt: AttemptDetail; number: number };

/** A span whose parent is missing, or that is its own ancestor, becomes a root: nothing is ever left out. */
export function buildTree(spans: readonly SpanDetail[]): Node[] {
  const nodes = new Map<string, Node>();
  for (const span of spans) nodes.set(span.span_id, { span, depth: 0, children: [] });
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.span.parent_span_id === node.span.span_id ? undefined : nodes.get(node.span.parent_span_id);
    (parent?.children ?? roots).push(node);
  }
  const reached = settle(roots);
  // What hangs together in a circle is reached from no root.
  if (reached.size < nodes.size) {
    for (const node of nodes.values()) {
      if (reached.has(node)) continue;
      const parent = nodes.get(node.span.parent_span_id);
      if (parent !== undefined) parent.children = parent.children.filter((child) => child !== node);
      roots.push(node);
      for (const each of settle([node])) reached.add(each);
    }
  }
  return roots;
}

/** Sets depths and the order of siblings, without recursion; returns what was reached. */
function settle(roots: Node[]): Set<Node> {
  const byStart = (a: Node, b: Node) => a.span.start_ms - b.span.start_ms;
  const reached = new Set<Node>();
  roots.sort(byStart);
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (reached.has(node)) continue;
    reached.add(node);
    node.children.sort(byStart);
    for (const child of node.children) {
      child.depth = node.depth + 1;
      stack.push(child);
    }
  }
  return reached;
}

export function visibleRows(roots: readonly Node[], folded: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const stack = [...roots].reverse();
  const seen = new Set<string>();
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const { span, depth, children } = node;
    if (seen.has(span.span_id)) continue;
    seen.add(span.span_id);
    const isFolded = folded.has(span.span_id);
    const foldable = children.length + span.attempts.length > 0;
    rows.push({ kind: "span", id: span.span_id, depth, span, foldable, folded: isFolded, hidden: isFolded ? countBelow(node) : 0 });
    if (isFolded) continue;
    span.attempts.forEach((attempt, index) => rows.push({ kind: "attempt", id: `${span.span_id}#${index}`, depth: depth + 1, span, attempt, number: index + 1 }));
    for (let index = children.length - 1; index >= 0; index--) stack.push(children[index] as Node);
  }
  return rows;
}

function countBelow(root: Node): number {
  let found = 0;
  const stack = [...root.children];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    found += 1;
    stack.push(...node.children);
  }
  return found;
}

/** Where the reader most likely wants to look first: the cause of a failure, else the root when it has something to
 *  read, else the first model call. */
export function firstInteresting(spans: readonly SpanDetail[]): SpanDetail | undefined {
  const failed = spans.filter((span) => span.status === "error");
  const parents = new Set(failed.map((span) => span.parent_span_id));
  const root = spans[0];
  const readable = root !== undefined && root.input + root.output !== "" ? root : undefined;
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
