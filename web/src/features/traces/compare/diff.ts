/** What two texts do not share, line by line. */
import { aligned, type Piece } from "@/lib/difference";
import { parseJson, withoutBinary } from "@/ui/json/model";

export interface Line {
  side: "both" | "a" | "b";
  text: string;
}

const SIDES: Record<Piece["kind"], Line["side"]> = { same: "both", removed: "a", added: "b" };

/** Lines of a side between what both begin and end with; beyond it the work would grow with the square. */
const MOST = 1_200;

/** JSON one value a line, so that a change of one field is a change of one line. */
export function readable(text: string): string {
  const parsed = parseJson(text);
  return withoutBinary(parsed.ok && typeof parsed.value === "object" ? JSON.stringify(parsed.value, null, 2) : text);
}

export function diff(one: string, other: string): Line[] {
  const [a, b] = [one, other].map((text) => (text === "" ? [] : text.split("\n"))) as [string[], string[]];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const both = (lines: string[]): Line[] => lines.map((text) => ({ side: "both", text }));
  return [...both(a.slice(0, head)), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...both(a.slice(a.length - tail))];
}

function middle(a: string[], b: string[]): Line[] {
  if (a.length === 0 || b.length === 0 || a.length > MOST || b.length > MOST) {
    return [...a.map((text): Line => ({ side: "a", text })), ...b.map((text): Line => ({ side: "b", text }))];
  }
  return aligned(a, b).map(({ text, kind }) => ({ side: SIDES[kind], text }));
}
