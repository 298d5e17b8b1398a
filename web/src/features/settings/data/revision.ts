/** A revision in the words of people. */
import type { RevisionBody, RevisionView } from "@/api/revisions";
import { grouped } from "@/lib/format";
import type { Tone } from "@/ui/parts";

export const KIND_CHOICES: { value: RevisionBody["kind"]; label: string }[] = [
  { value: "reprice", label: "Price anew, with the prices of now" },
  { value: "remap", label: "Map anew, what raw attributes mean" },
];

export const RANGES = [
  { value: "1", label: "The last 24 hours" },
  { value: "7", label: "The last 7 days" },
  { value: "30", label: "The last 30 days" },
  { value: "90", label: "The last 90 days" },
  { value: "all", label: "Everything" },
];

const DAY_MS = 86_400_000;

export interface Draft {
  kind: RevisionBody["kind"];
  range: string;
  query: string;
}

export const EMPTY_DRAFT: Draft = { kind: "reprice", range: "7", query: "" };

/** The dry run that comes before anything is written. */
export function dryRunOf(draft: Draft, now: Date): RevisionBody {
  const body: RevisionBody = { kind: draft.kind, q: draft.query.trim(), dry_run: true };
  if (draft.range !== "all") body.from_at = new Date(now.getTime() - Number(draft.range) * DAY_MS).toISOString();
  return body;
}

/** What writes that which a dry run has told. */
export function realOf(dry: RevisionView): RevisionBody {
  return { kind: dry.kind, from_at: dry.from_at, to_at: dry.to_at, q: dry.q, dry_run: false };
}

export function stateOf(one: RevisionView): { label: string; tone: Tone } {
  switch (one.state) {
    case "waiting":
      return { label: "Waits", tone: "busy" };
    case "running":
      return { label: one.detail === "" ? (one.dry_run ? "Looking" : "Writing") : "Tries again", tone: "busy" };
    case "stopped":
      return { label: "Stopped", tone: "unknown" };
    case "failed":
      return { label: "Failed", tone: "error" };
    case "done":
      return one.dry_run ? { label: "Dry run", tone: "unknown" } : { label: "Done", tone: "ok" };
  }
}

/** `1,200 of 5,000 spans` while it is under way, `5,000 spans` at the end. */
export function progressOf(one: RevisionView): string {
  const whole = one.total === null || one.state === "done" ? "" : ` of ${grouped(one.total)}`;
  return `${grouped(one.seen)}${whole} spans`;
}

/** `12 change, 3 get a price, 1 loses its price`. */
export function changesOf(one: RevisionView): string {
  if (one.changed === 0) return one.state === "done" ? "nothing changes" : "";
  const parts = [`${grouped(one.changed)} ${one.dry_run ? "would change" : "changed"}`];
  if (one.became_priced > 0) parts.push(`${grouped(one.became_priced)} became priced`);
  if (one.became_unpriced > 0) parts.push(`${grouped(one.became_unpriced)} became unpriced`);
  return parts.join(", ");
}
