/** An export as it is typed in, and as the API takes it. */
import type { ExportBody } from "@/api/lifecycle";

export interface Draft {
  name: string;
  what: "spans" | "traces" | "scores" | "logs";
  format: "jsonl" | "parquet";
  query: string;
  when: "once" | "hour" | "day" | "week";
  hour: number;
  weekday: number;
  target: "folder" | "s3";
  path: string;
  endpoint: string;
  bucket: string;
  region: string;
  prefix: string;
  accessKey: string;
  secretKey: string;
}

export const EMPTY: Draft = {
  name: "",
  what: "spans",
  format: "jsonl",
  query: "",
  when: "once",
  hour: 3,
  weekday: 0,
  target: "folder",
  path: "",
  endpoint: "",
  bucket: "",
  region: "us-east-1",
  prefix: "",
  accessKey: "",
  secretKey: "",
};

export function bodyOf(draft: Draft): ExportBody {
  const body: ExportBody = {
    name: draft.name.trim(),
    what: draft.what,
    format: draft.format,
    where: { q: draft.query.trim() },
    target: draft.target === "folder" ? { type: "folder", path: draft.path.trim() } : { type: "s3", endpoint: draft.endpoint.trim(), bucket: draft.bucket.trim(), region: draft.region.trim(), prefix: draft.prefix.trim() },
  };
  if (draft.when !== "once") body.schedule = { every: draft.when, hour: draft.hour, weekday: draft.weekday };
  if (draft.target === "s3") body.keys = { access_key: draft.accessKey.trim(), secret_key: draft.secretKey };
  return body;
}

export function ready(draft: Draft): boolean {
  const keyed = draft.target === "folder" || [draft.endpoint, draft.bucket, draft.accessKey, draft.secretKey].every((text) => text.trim() !== "");
  return draft.name.trim() !== "" && keyed;
}

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] as const;
export const WEEKDAYS = DAYS.map((label, index) => ({ value: String(index), label }));

/** `Every day at 03:00 UTC`; `Once` without a schedule. */
export function when(schedule: { every: string; hour?: number; weekday?: number } | null | undefined): string {
  if (schedule === null || schedule === undefined) return "Once";
  const hour = `${String(schedule.hour ?? 0).padStart(2, "0")}:00 UTC`;
  if (schedule.every === "hour") return "Every hour";
  return schedule.every === "day" ? `Every day at ${hour}` : `Every ${DAYS[schedule.weekday ?? 0] ?? ""} at ${hour}`;
}
