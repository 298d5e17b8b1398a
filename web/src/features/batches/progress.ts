import type { BatchStatus, BatchView } from "@/api/types";
import type { Tone } from "@/ui/parts";

const TONES: Record<BatchStatus, Tone> = {
  validating: "busy",
  in_progress: "busy",
  finalizing: "busy",
  cancelling: "warn",
  completed: "ok",
  failed: "error",
  expired: "error",
  cancelled: "unknown",
};

const WORDS: Record<BatchStatus, string> = {
  validating: "Checking",
  in_progress: "Running",
  finalizing: "Writing files",
  cancelling: "Cancelling",
  completed: "Completed",
  failed: "Failed",
  expired: "Expired",
  cancelled: "Cancelled",
};

export const toneOf = (batch: BatchView): Tone => (batch.status === "completed" && batch.counts.failed > 0 ? "warn" : TONES[batch.status]);
export const wordOf = (status: BatchStatus): string => WORDS[status];

export const isOver = (status: BatchStatus): boolean => !["validating", "in_progress", "finalizing", "cancelling"].includes(status);
export const canCancel = (status: BatchStatus): boolean => status === "validating" || status === "in_progress";

export interface Shares {
  completed: number;
  failed: number;
}

/** What share of the lines has ended, and how; nothing of an empty batch has. */
export function sharesOf({ total, completed, failed }: BatchView["counts"]): Shares {
  return total === 0 ? { completed: 0, failed: 0 } : { completed: completed / total, failed: failed / total };
}

/** Milliseconds from the first line's start to the end, or until now. */
export function runMs(batch: BatchView, now: number): number | null {
  if (batch.started_at === null) return null;
  return (batch.ended_at === null ? now : new Date(batch.ended_at).getTime()) - new Date(batch.started_at).getTime();
}

/** Milliseconds that the rest will take at the pace so far; null before there is a pace. */
export function restMs(batch: BatchView, now: number): number | null {
  const { total, completed, failed } = batch.counts;
  const done = completed + failed;
  const spent = runMs(batch, now);
  if (batch.status !== "in_progress" || done === 0 || spent === null || done >= total) return null;
  return (spent / done) * (total - done);
}
