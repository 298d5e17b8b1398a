/** Token buckets by their names on the page. */
import type { Usage } from "@/api/types";

/** What is counted in tokens; a usage also says its tier, and counts in other units. */
type TokenField = Extract<keyof Usage, `${string}_tokens`>;

export interface Bucket {
  field: TokenField;
  label: string;
  side: "in" | "out";
  colour: string;
}

export const BUCKETS: readonly Bucket[] = [
  { field: "input_tokens", label: "Input", side: "in", colour: "var(--series-0)" },
  { field: "cache_read_tokens", label: "Input read from cache", side: "in", colour: "var(--series-7)" },
  { field: "cache_write_5m_tokens", label: "Written to cache, 5 min", side: "in", colour: "var(--series-2)" },
  { field: "cache_write_1h_tokens", label: "Written to cache, 1 h", side: "in", colour: "var(--series-8)" },
  { field: "input_audio_tokens", label: "Input audio", side: "in", colour: "var(--series-5)" },
  { field: "input_image_tokens", label: "Input image", side: "in", colour: "var(--series-3)" },
  { field: "output_tokens", label: "Output", side: "out", colour: "var(--series-1)" },
  { field: "reasoning_tokens", label: "Reasoning", side: "out", colour: "var(--series-4)" },
  { field: "output_audio_tokens", label: "Output audio", side: "out", colour: "var(--series-6)" },
  { field: "output_image_tokens", label: "Output image", side: "out", colour: "var(--series-9)" },
];

export function total(usage: Usage | null, side: "in" | "out"): number {
  if (usage === null) return 0;
  return BUCKETS.filter((bucket) => bucket.side === side).reduce((sum, bucket) => sum + (usage[bucket.field] ?? 0), 0);
}
