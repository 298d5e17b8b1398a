/** Two traces beside each other: spans that stand for the same step in both share a row. Linear in their sizes. */
import type { Node, Tree } from "../detail/tree";

export interface Pair {
  id: string;
  depth: number;
  a: Node | null;
  b: Node | null;
}

const NUMBERS = /\b(?:[0-9a-f]{12,}|\d+)\b/gi;
const keyOf = ({ span }: Node): string => `${span.kind}\n${span.name.replace(NUMBERS, "#")}`;

/** Children of the same kind and name meet in their order; what only one side has stands where it was in its own. */
function meet(as: readonly Node[], bs: readonly Node[], depth: number): Pair[] {
  const waiting = new Map<string, Node[]>();
  for (let index = bs.length - 1; index >= 0; index--) {
    const b = bs[index] as Node;
    const queue = waiting.get(keyOf(b));
    if (queue === undefined) waiting.set(keyOf(b), [b]);
    else queue.push(b);
  }
  const partner = new Map<Node, Node>();
  const taken = new Set<Node>();
  for (const a of as) {
    const b = waiting.get(keyOf(a))?.pop();
    if (b === undefined) continue;
    partner.set(a, b);
    taken.add(b);
  }
  const places = new Map(bs.map((b, index) => [b, index]));
  const pairs: Pair[] = [];
  let next = 0;
  const alone = (until: number) => {
    for (; next < until; next++) {
      const b = bs[next] as Node;
      if (!taken.has(b)) pairs.push({ id: `b ${b.span.span_id}`, depth, a: null, b });
    }
  };
  for (const a of as) {
    const b = partner.get(a) ?? null;
    if (b !== null) alone(places.get(b) ?? 0);
    pairs.push({ id: `a ${a.span.span_id}`, depth, a, b });
  }
  alone(bs.length);
  return pairs;
}

/** The one root of both is one step, whatever it is called. */
function roots(a: Tree, b: Tree): Pair[] {
  const [first] = a.roots;
  const [other] = b.roots;
  const single = a.roots.length === 1 && b.roots.length === 1 && first !== undefined && other !== undefined;
  return single ? [{ id: `a ${first.span.span_id}`, depth: 0, a: first, b: other }] : meet(a.roots, b.roots, 0);
}

export function align(a: Tree, b: Tree): Pair[] {
  const rows: Pair[] = [];
  const stack = roots(a, b).reverse();
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    rows.push(pair);
    const below = meet(pair.a?.children ?? [], pair.b?.children ?? [], pair.depth + 1);
    for (let index = below.length - 1; index >= 0; index--) stack.push(below[index] as Pair);
  }
  return rows;
}
