/** What differs between two texts, word by word. */
import { aligned, type Piece } from "@/lib/difference";

/** Above this many comparisons two texts are told apart line by line, and above it again as a whole. */
const MOST_STEPS = 4_000_000;

const split = (text: string, by: RegExp): string[] => text.match(by) ?? [];

/** The pieces of both texts in their order; those of one kind beside each other are one piece. */
export function difference(before: string, after: string): Piece[] {
  for (const by of [/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu, /[^\n]*\n|[^\n]+/g]) {
    const [old, now] = [split(before, by), split(after, by)];
    if (old.length * now.length <= MOST_STEPS) return joined(aligned(old, now));
  }
  return joined([
    { text: before, kind: "removed" },
    { text: after, kind: "added" },
  ]);
}


function joined(pieces: readonly Piece[]): Piece[] {
  const found: Piece[] = [];
  for (const piece of pieces) {
    const last = found[found.length - 1];
    if (piece.text === "") continue;
    if (last?.kind === piece.kind) last.text += piece.text;
    else found.push({ ...piece });
  }
  return found;
}

type Message = Record<string, unknown>;

/** A prompt's content as one text, as people compare it. */
export function asText(content: string | readonly Message[]): string {
  if (typeof content === "string") return content;
  return content.map((message) => (message.type === "placeholder" ? `[${String(message.name)}]` : `${String(message.role)}\n${plain(message.content)}`)).join("\n\n");
}

/** What a message says, whatever form it has. */
export function plain(said: unknown): string {
  return typeof said === "string" ? said : JSON.stringify(said, null, 2);
}
