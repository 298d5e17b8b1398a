/** One colour per name in the whole product. The slot comes from the name itself, so that two people see the same;
 *  a clash takes the next free slot and is remembered, so that a colour never changes once it was shown. */
import { isStringMap, recall, remember } from "./storage";

export const SLOTS = 10;

let slots: Map<string, number> | null = null;

function load(): Map<string, number> {
  slots ??= new Map(Object.entries(recall("colours", isStringMap) ?? {}));
  return slots;
}

export function hash(name: string): number {
  let value = 2166136261;
  for (let index = 0; index < name.length; index++) {
    value ^= name.charCodeAt(index);
    value = Math.imul(value, 16777619);
  }
  return value >>> 0;
}

/** Pure: the slot for a name among those already taken. */
export function pick(name: string, taken: ReadonlyMap<string, number>): number {
  const wanted = hash(name) % SLOTS;
  const used = new Set(taken.values());
  for (let step = 0; step < SLOTS; step++) {
    const slot = (wanted + step) % SLOTS;
    if (!used.has(slot)) return slot;
  }
  return wanted;
}

/** Gives the known names their colours before others, in an order that is the same for everybody. */
export function primeColours(names: Iterable<string>): void {
  for (const name of [...new Set(names)].sort()) colourOf(name);
}

/** The colours of names that stand beside each other: where two share one, the later takes one that is free there. */
export function coloursOf(names: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  const all = Array.from({ length: SLOTS }, (_none, slot) => `var(--series-${slot})`);
  for (const name of names) {
    const wanted = colourOf(name);
    const used = new Set(found.values());
    found.set(name, used.has(wanted) ? (all.find((colour) => !used.has(colour)) ?? wanted) : wanted);
  }
  return found;
}

/** A CSS colour from the categorical palette. */
export function colourOf(name: string): string {
  const known = load();
  let slot = known.get(name);
  if (slot === undefined) {
    slot = pick(name, known);
    known.set(name, slot);
    remember("colours", Object.fromEntries(known));
  }
  return `var(--series-${slot})`;
}
