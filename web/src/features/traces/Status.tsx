import type { SpanStatus } from "@/api/types";
import { Badge, type Tone } from "@/ui/parts";

const TONES: Record<SpanStatus, Tone> = { ok: "ok", error: "error", cancelled: "unknown" };
const WORDS: Record<SpanStatus, string> = { ok: "ok", error: "failed", cancelled: "cancelled" };

export function Status({ status, code = "", quiet = false }: { status: SpanStatus; code?: string; quiet?: boolean }) {
  return (
    <Badge tone={TONES[status]} quiet={quiet} title={code === "" ? WORDS[status] : code}>
      {status === "error" && code !== "" ? code : WORDS[status]}
    </Badge>
  );
}

export function statusWord(status: string): string {
  return status in WORDS ? WORDS[status as SpanStatus] : status;
}
