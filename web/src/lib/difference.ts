/** A part of two texts: of both, of the first alone, or of the second alone. */
export interface Piece {
  text: string;
  kind: "same" | "added" | "removed";
}

/** What two lists share and do not, in order; the work is the product of their lengths, which the caller bounds. */
export function aligned(old: readonly string[], now: readonly string[]): Piece[] {
  const width = now.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      longest[i * width + j] = old[i] === now[j] ? (longest[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(longest[(i + 1) * width + j] ?? 0, longest[i * width + j + 1] ?? 0);
  const found: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    const [left, right] = [old[i], now[j]];
    if (left !== undefined && left === right) {
      found.push({ text: left, kind: "same" });
      i++;
      j++;
    } else if (left !== undefined && (right === undefined || (longest[(i + 1) * width + j] ?? 0) >= (longest[i * width + j + 1] ?? 0))) {
      found.push({ text: left, kind: "removed" });
      i++;
    } else {
      found.push({ text: right ?? "", kind: "added" });
      j++;
    }
  }
  return found;
}
