/** An account's keys as they are typed: one a line, each as `key` or `weight key`. */

export interface KeyLine {
  weight: number;
  /** The share of calls that it gets, from 0 to 1. */
  share: number;
}

export const MAX_WEIGHT = 1000;

/** The keys in the text; null when a line is not one. */
export function readKeys(text: string): KeyLine[] | null {
  const weights: number[] = [];
  for (const line of text.split("\n")) {
    const parts = line.trim().split(/\s+/);
    if (parts[0] === "") continue;
    const weight = parts.length === 1 ? 1 : Number(parts[0]);
    if (parts.length > 2 || !/^\d+$/.test(parts.length === 2 ? (parts[0] ?? "") : "1") || weight < 1 || weight > MAX_WEIGHT) return null;
    weights.push(weight);
  }
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => ({ weight, share: weight / all }));
}
