/** The time range as it stands in the URL: `range=24h`, or `from=` and `to=` as RFC 3339. */
import { clock, day } from "./format";

export const PRESETS = [
  { id: "15m", label: "Last 15 minutes", ms: 15 * 60e3 },
  { id: "1h", label: "Last hour", ms: 3600e3 },
  { id: "6h", label: "Last 6 hours", ms: 6 * 3600e3 },
  { id: "24h", label: "Last 24 hours", ms: 24 * 3600e3 },
  { id: "7d", label: "Last 7 days", ms: 7 * 86400e3 },
  { id: "30d", label: "Last 30 days", ms: 30 * 86400e3 },
] as const;

export type PresetId = (typeof PRESETS)[number]["id"];
export const DEFAULT_PRESET: PresetId = "24h";

export interface RangeSearch {
  range?: PresetId | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface TimeRange {
  from: Date;
  to: Date;
  /** Null when both ends are fixed. */
  preset: PresetId | null;
}

export function isPreset(value: unknown): value is PresetId {
  return PRESETS.some((preset) => preset.id === value);
}

/** Keeps what is valid; two fixed ends win over a preset. */
export function readRange(search: Record<string, unknown>): RangeSearch {
  const from = readInstant(search.from);
  const to = readInstant(search.to);
  if (from !== null && to !== null && from < to) return { from: from.toISOString(), to: to.toISOString() };
  return isPreset(search.range) ? { range: search.range } : {};
}

/** How often a range that ends now moves on. */
export function tickMs(preset: PresetId): number {
  return preset === "15m" || preset === "1h" ? 15_000 : 60_000;
}

export function resolveRange(search: RangeSearch, nowMs: number): TimeRange {
  if (search.from !== undefined && search.to !== undefined) {
    return { from: new Date(search.from), to: new Date(search.to), preset: null };
  }
  const id = search.range ?? DEFAULT_PRESET;
  const length = PRESETS.find((preset) => preset.id === id)?.ms ?? 86400e3;
  return { from: new Date(nowMs - length), to: new Date(nowMs), preset: id };
}

const UNITS: Record<string, string> = { m: "minute", h: "hour", d: "day" };

/** A length of time that ends now, such as `24h`, in words. */
export function lastLabel(last: string): string {
  const known = PRESETS.find((preset) => preset.id === last);
  const [, number, unit] = /^(\d+)([mhd])$/.exec(last) ?? [];
  if (known !== undefined || number === undefined || unit === undefined) return known?.label ?? last;
  return number === "1" ? `Last ${UNITS[unit] ?? ""}` : `Last ${number} ${UNITS[unit] ?? ""}s`;
}

/** Two ends of time, in the viewer's zone; the day of the second only where it is another one. */
export function spanLabel({ from, to }: { from: Date; to: Date }): string {
  const at = (date: Date) => `${day(date)}${date.getFullYear() === new Date().getFullYear() ? "" : `, ${date.getFullYear()}`} ${clock(date).slice(0, 5)}`;
  return `${at(from)} – ${from.toDateString() === to.toDateString() ? clock(to).slice(0, 5) : at(to)}`;
}

function readInstant(value: unknown): Date | null {
  if (typeof value !== "string" || value === "") return null;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? null : at;
}
