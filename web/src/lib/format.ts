/** The one place where numbers and times become text: three significant digits, unit attached. */
import { parseDecimal, plain } from "./decimal";

/** There is no value; not the same as zero, and not the same as "unpriced". */
export const NONE = "–";
export const UNPRICED = "unpriced";

type Maybe<T> = T | null | undefined;

/** Three significant digits, without exponent; trailing zeros kept below 100 only when they carry precision. */
export function significant(value: number): string {
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(3));
  const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
  const decimals = Math.max(0, 2 - magnitude);
  return rounded.toFixed(Math.min(decimals, 12));
}

/** Without zeros that carry nothing, for axes and presets: `5.00 s` is `5 s`. */
export function tidy(text: string): string {
  return text.replace(/(\.\d*?)0+(?!\d)/, "$1").replace(/\.(?!\d)/, "").replace(/^0 \S+$/, "0");
}

function trimmed(value: number): string {
  const text = significant(value);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Chooses the unit after rounding, so that 999.7 ms is 1.00 s and never 1000 ms. */
function scaled(value: number, steps: readonly (readonly [number, string])[], separator: string): string {
  let chosen = steps[0] ?? ([1, ""] as const);
  for (const step of steps) {
    if (Number((Math.abs(value) / chosen[0]).toPrecision(3)) * chosen[0] >= step[0]) chosen = step;
  }
  const [size, unit] = chosen;
  // What rounded up into this unit is one of it.
  const shown = chosen !== steps[0] && Math.abs(value) < size ? Math.sign(value) : value / size;
  return `${significant(shown)}${separator}${unit}`.trim();
}

const COUNT_STEPS = [
  [1e3, "k"],
  [1e6, "M"],
  [1e9, "G"],
  [1e12, "T"],
] as const;

export function count(value: Maybe<number>): string {
  if (value === null || value === undefined) return NONE;
  if (Number(Math.abs(value).toPrecision(3)) < 1000) return Number.isInteger(value) ? String(value) : trimmed(value);
  return scaled(value, COUNT_STEPS, "");
}

export function tokens(value: Maybe<number>): string {
  return value === null || value === undefined ? NONE : `${count(value)} tok`;
}

export function rate(value: Maybe<number>): string {
  return value === null || value === undefined ? NONE : `${significant(value)} tok/s`;
}

const DURATION_STEPS = [
  [0.001, "µs"],
  [1, "ms"],
  [1e3, "s"],
  [60e3, "min"],
  [3600e3, "h"],
  [86400e3, "d"],
] as const;

export function duration(ms: Maybe<number>): string {
  if (ms === null || ms === undefined) return NONE;
  if (ms === 0) return "0 ms";
  if (Math.abs(ms) >= 10 && Math.abs(ms) < 999.5) return `${Math.round(ms)} ms`;
  return scaled(ms, DURATION_STEPS, " ");
}

/** Every digit that was recorded. */
export function exactDuration(ms: Maybe<number>): string {
  return ms === null || ms === undefined ? "no value" : `${grouped(ms)} ms`;
}

export function percent(share: Maybe<number>): string {
  if (share === null || share === undefined || Number.isNaN(share)) return NONE;
  const value = share * 100;
  if (value > 0 && value < 0.01) return "<0.01%";
  if (value > 99.99 && value < 100) return ">99.99%";
  if (value === 0 || value === 100) return `${value}%`;
  return `${value.toFixed(value < 9.995 ? 2 : 1)}%`;
}

const BYTE_STEPS = [
  [1, "B"],
  [1e3, "kB"],
  [1e6, "MB"],
  [1e9, "GB"],
  [1e12, "TB"],
] as const;

export function bytes(value: Maybe<number>): string {
  if (value === null || value === undefined) return NONE;
  return value < 1000 ? `${value} B` : scaled(value, BYTE_STEPS, " ");
}

/** An amount from its decimal string; cents from one dollar up, three significant digits below, and whole cents as such. */
export function money(amount: Maybe<string>): string {
  if (amount === null || amount === undefined) return NONE;
  const value = Number(amount);
  if (Number.isNaN(value)) return NONE;
  const sign = value < 0 ? "-" : "";
  const size = Math.abs(value);
  if (size === 0) return "$0";
  if (size >= 999.995) return `${sign}$${scaled(size, COUNT_STEPS, "")}`;
  if (size >= 0.995) return `${sign}$${size.toFixed(2)}`;
  return `${sign}$${trimmed(size).replace(/\.\d$/, "$&0")}`;
}

/** The amount to its last digit, never through a float. */
export function exactMoney(amount: Maybe<string>): string {
  if (amount === null || amount === undefined) return "no amount";
  const value = parseDecimal(amount);
  if (value === null) return amount;
  const text = plain(value);
  return text.startsWith("-") ? `-$${text.slice(1)}` : `$${text}`;
}

/** Tells "no price is known" apart from "nothing to price". */
export function cost(amount: Maybe<string>, unpricedCount: number): string {
  if (amount !== null && amount !== undefined) return money(amount);
  return unpricedCount > 0 ? UNPRICED : NONE;
}

/** A message as a sentence, whoever wrote it. */
export function sentence(text: string): string {
  const trimmedText = text.trim();
  const whole = /[.!?…:;)\]}"'”]$/.test(trimmedText) ? trimmedText : `${trimmedText}.`;
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}

/** Made once: to make it takes a hundred times as long as to use it. */
const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

/** Grouped thousands with all digits, for hovering. */
export function grouped(value: Maybe<number>): string {
  return value === null || value === undefined ? "no value" : GROUPED.format(value);
}

const DAY_MS = 86_400_000;
const two = (value: number) => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

export function clock(at: Date, withMs = false): string {
  const base = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withMs ? `${base}.${String(at.getMilliseconds()).padStart(3, "0")}` : base;
}

export function day(at: Date): string {
  return `${MONTHS[at.getMonth()] ?? ""} ${at.getDate()}`;
}

/** Clock time within the same day, else day and minute; in the viewer's zone. */
export function timeOfDay(at: Date, now: Date): string {
  return at.toDateString() === now.toDateString() ? clock(at) : `${day(at)} ${clock(at).slice(0, 5)}`;
}

/** Relative within the last day, else the date. */
export function ago(at: Date, now: Date): string {
  const gap = now.getTime() - at.getTime();
  if (gap < 0 || gap >= DAY_MS) {
    const year = at.getFullYear() === now.getFullYear() ? "" : ` ${at.getFullYear()}`;
    return `${day(at)}${year}, ${two(at.getHours())}:${two(at.getMinutes())}`;
  }
  if (gap < 5_000) return "just now";
  if (gap < 60_000) return `${Math.floor(gap / 1000)} s ago`;
  if (gap < 3_600_000) return `${Math.floor(gap / 60_000)} min ago`;
  return `${Math.floor(gap / 3_600_000)} h ago`;
}

/** UTC and the viewer's own time, for hovering. */
export function exactTime(at: Date): string {
  return `${at.toISOString().replace("T", " ").replace("Z", " UTC")}\n${at.toLocaleString()} local`;
}

export interface Delta {
  text: string;
  /** -1 fell, 0 the same, 1 rose. */
  direction: -1 | 0 | 1;
}

/** The relative change, or null where a comparison would say nothing. */
export function delta(now: Maybe<number>, before: Maybe<number>): Delta | null {
  if (now === null || now === undefined || before === null || before === undefined || before === 0) return null;
  const change = (now - before) / before;
  if (Math.abs(change) < 0.0005) return { text: "0%", direction: 0 };
  const size = Math.abs(change) * 100;
  const shown = size >= 1000 ? `${significant(1 + change)}×` : `${size >= 100 ? Math.round(size) : trimmed(Number(size.toPrecision(2)))}%`;
  return { text: shown, direction: change < 0 ? -1 : 1 };
}
