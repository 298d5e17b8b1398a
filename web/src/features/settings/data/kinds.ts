/** What retention and receipts speak of, in the words of people. */
import type { DeletionView, Retention } from "@/api/lifecycle";
import { grouped } from "@/lib/format";

export const KINDS: readonly { field: keyof Retention; label: string; hint: string }[] = [
  { field: "traces_days", label: "Traces", hint: "Spans, with all that is in them" },
  { field: "bodies_days", label: "Inputs and outputs", hint: "Names, times, tokens and costs stay" },
  { field: "logs_days", label: "Logs and metrics", hint: "Log records, data points and their exemplars" },
  { field: "scores_days", label: "Scores", hint: "With their comments" },
];

const WORDS: Readonly<Record<string, readonly [one: string, more: string]>> = {
  spans: ["span", "spans"],
  scores: ["score", "scores"],
  logs: ["log record", "log records"],
  metrics: ["data point", "data points"],
  exemplars: ["exemplar", "exemplars"],
  bodies: ["body", "bodies"],
  comments: ["comment", "comments"],
  media: ["media file", "media files"],
  shares: ["share link", "share links"],
};

/** `12 spans, 3 scores`; empty when there is nothing. */
export function rowsOf(removed: Readonly<Record<string, number>>): string {
  return Object.entries(removed)
    .filter(([, rows]) => rows > 0)
    .map(([table, rows]) => {
      const [one, more] = WORDS[table] ?? [table, table];
      return `${grouped(rows)} ${rows === 1 ? one : more}`;
    })
    .join(", ");
}

/** Who asked, as far as people need not know an id. */
export function who(actor: string): string {
  const kind = actor.split(":", 1)[0] ?? "";
  return kind === "person" ? "a person" : kind === "key" ? "a virtual key" : kind === "local" ? "the command line" : actor;
}

export function same(left: Retention, right: Retention): boolean {
  return KINDS.every(({ field }) => (left[field] ?? null) === (right[field] ?? null));
}

export const STATES: Readonly<Record<DeletionView["state"], { label: string; tone: "busy" | "ok" }>> = {
  waiting: { label: "Waits for ingest", tone: "busy" },
  removing: { label: "Removing and counting", tone: "busy" },
  erasing: { label: "Unreadable, being erased", tone: "busy" },
  done: { label: "Erased", tone: "ok" },
};
