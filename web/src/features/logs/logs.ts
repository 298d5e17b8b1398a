/** Log records as the page shows them, and its conditions as they stand in the address. */
import { MOST_NEWEST, type LogQuery } from "@/api/signals";
import type { LogView } from "@/api/types";
import { list, listOrNone, text } from "@/lib/search";
import type { Tone } from "@/ui/parts";

/** OpenTelemetry's levels, each by its least number. */
export const LEVELS = [
  { least: 1, word: "trace" },
  { least: 5, word: "debug" },
  { least: 9, word: "info" },
  { least: 13, word: "warn" },
  { least: 17, word: "error" },
  { least: 21, word: "fatal" },
] as const;

export function levelWord(severity: number): string {
  return [...LEVELS].reverse().find((level) => severity >= level.least)?.word ?? "none";
}

export function toneOf(severity: number): Tone {
  return severity >= 17 ? "error" : severity >= 13 ? "warn" : "unknown";
}

export function readFilter(search: Record<string, unknown>): LogQuery {
  const least = LEVELS.find((level) => level.word === search.severity)?.least ?? 0;
  return { text: text(search.text), minSeverity: least, services: list(search.service), names: list(search.name) };
}

export function writeFilter(filter: LogQuery): Record<string, unknown> {
  return { text: filter.text, severity: filter.minSeverity === 0 ? undefined : levelWord(filter.minSeverity), service: listOrNone(filter.services), name: listOrNone(filter.names) };
}

export const hasConditions = (filter: LogQuery): boolean => filter.text !== undefined || filter.minSeverity > 0 || filter.services.length + filter.names.length > 0;

/** One line of a record: its body without line ends, or what its event is called. */
export function lineOf(log: LogView): string {
  return log.body.slice(0, 500).replace(/\s+/g, " ").trim() || log.name;
}

interface Tail {
  shown: readonly LogView[];
  waiting: readonly LogView[];
}

/** What waits after records came in: newest first, each once, and none that is listed. */
export function arrivals(before: Tail, listed: readonly LogView[], found: readonly LogView[], most: number): { waiting: readonly LogView[]; missed: boolean } {
  const known = new Set([...before.shown, ...before.waiting, ...listed].map((log) => log.id));
  const fresh = found.filter((log) => !known.has(log.id));
  if (fresh.length === 0) return { waiting: before.waiting, missed: false };
  const waiting = [...fresh, ...before.waiting].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  return { waiting: waiting.slice(0, most), missed: waiting.length > most || (fresh.length === found.length && found.length >= MOST_NEWEST) };
}
