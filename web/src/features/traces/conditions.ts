/** The conditions of a query that the filter bar shows, read from its text and written back into it. */
import type { TraceSummary } from "@/api/types";
import { duration, tidy } from "@/lib/format";
import { written } from "@/lib/query";

/** What stands between two spaces, outside quotation marks and parentheses. */
interface Term {
  begin: number;
  end: number;
  text: string;
}

interface Condition extends Term {
  field: string;
  operator: string;
  /** Each as it is written, in quotation marks where it has some. */
  values: string[];
}

/** Fields of the filter bar by the first of their names, which is the one that is written. */
export const FIELDS = {
  status: ["status"],
  model: ["model"],
  key: ["key", "key_id"],
  user: ["user", "user_id"],
  session: ["session", "session_id"],
  latency: ["latency", "latency_ms", "duration", "duration_ms"],
} as const;

export type FieldName = keyof typeof FIELDS;

const CONDITION = /^([a-z_]+)(:>=|:<=|:>|:<|!=|>=|<=|:|=|>|<)(.+)$/s;
const QUOTED = /^"(?:[^"\\]|\\.)*"$/s;

function termsOf(query: string): Term[] {
  const terms: Term[] = [];
  let begin = -1;
  let depth = 0;
  let quoted = false;
  for (let at = 0; at <= query.length; at++) {
    const letter = query[at];
    const ends = letter === undefined || (depth <= 0 && !quoted && /\s/.test(letter));
    if (ends) {
      if (begin >= 0) terms.push({ begin, end: at, text: query.slice(begin, at) });
      begin = -1;
      continue;
    }
    if (begin < 0) begin = at;
    if (quoted && letter === "\\") at++;
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === "(") depth++;
    else if (!quoted && letter === ")") depth--;
  }
  return terms;
}

/** The values of `a` or `(a OR b)`; null for anything that is more than values. */
function valuesOf(text: string): string[] | null {
  if (!text.startsWith("(")) return [text];
  if (!text.endsWith(")")) return null;
  const terms = termsOf(text.slice(1, -1)).map((term) => term.text);
  const values = terms.filter((_term, index) => index % 2 === 0);
  const plain = terms.length % 2 === 1 && terms.every((term, index) => (index % 2 === 1 ? term === "OR" : (QUOTED.test(term) || !term.includes("(")) && term !== "OR" && term !== "NOT" && !term.startsWith("-")));
  return plain ? values : null;
}

/** The value itself; undefined where `*` stands for any text. */
function plainValue(value: string): string | undefined {
  if (QUOTED.test(value)) return value.slice(1, -1).replace(/\\([\\"])/g, "$1");
  return value.includes("*") || value.includes('"') ? undefined : value;
}

function conditionOf(term: Term): Condition | null {
  const found = CONDITION.exec(term.text);
  const values = found === null ? null : valuesOf(found[3] ?? "");
  return found === null || values === null ? null : { ...term, field: found[1] ?? "", operator: found[2] ?? "", values };
}

/** The terms that must all hold; null where they stand beside an `OR`, so that none of them must. */
function all(query: string): Term[] | null {
  const terms = termsOf(query);
  if (terms.some((term) => term.text === "OR")) return null;
  // What is behind `NOT` is said of its opposite.
  return terms.filter((term, index) => term.text !== "AND" && term.text !== "NOT" && terms[index - 1]?.text !== "NOT");
}

const isOf = (name: FieldName) => (condition: Condition) => (FIELDS[name] as readonly string[]).includes(condition.field) && (name === "latency" ? [">=", ":>="] : [":", "="]).includes(condition.operator);

function find(query: string, name: FieldName): Condition | undefined {
  return (all(query) ?? []).flatMap((term) => conditionOf(term) ?? []).find(isOf(name));
}

/** The values of a field that the query asks for, as they are, with `*` where one stands for any text. */
export function chosen(query: string | undefined, name: FieldName): string[] {
  return find(query ?? "", name)?.values.map((value) => plainValue(value) ?? value) ?? [];
}

function replaced(query: string | undefined, name: FieldName, condition: string): string | undefined {
  const before = query?.trim() ?? "";
  const old = find(before, name);
  const rest = old === undefined ? (all(before) === null && condition !== "" ? `(${before})` : before) : before.slice(0, old.begin).trimEnd();
  const behind = old === undefined ? "" : before.slice(old.end).trimStart();
  const joined = [rest, condition, behind].filter((part) => part !== "").join(" ");
  // Without what stood beside it, `AND` joins nothing.
  return joined.replace(/^(?:AND\s+)+|(?:\s+AND)+$/g, "").replace(/\bAND\s+AND\b/g, "AND") || undefined;
}

/** The query that asks for other values of a field; those that were there stay as they were written. */
export function choosing(query: string | undefined, name: FieldName, values: readonly string[]): string | undefined {
  const before = find(query ?? "", name)?.values ?? [];
  const texts = values.map((value) => before.find((each) => (plainValue(each) ?? each) === value) ?? written(value));
  const field = FIELDS[name][0];
  const condition = texts.length === 0 ? "" : texts.length === 1 ? `${field}:${texts[0] ?? ""}` : `${field}:(${texts.join(" OR ")})`;
  return replaced(query, name, condition);
}

/** `800`, `800ms`, `1.5s` or `2min` in milliseconds; null for anything else. */
export function parseDuration(input: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m)?\s*$/i.exec(input);
  if (match === null) return null;
  const unit = (match[2] ?? "ms").toLowerCase();
  return Number(match[1]) * (unit === "s" ? 1000 : unit.startsWith("m") && unit !== "ms" ? 60_000 : 1);
}

/** The least latency that the query asks for, in milliseconds. */
export function leastMs(query: string | undefined): number | undefined {
  return parseDuration(find(query ?? "", "latency")?.values[0] ?? "") ?? undefined;
}

export function withLeast(query: string | undefined, ms: number | undefined): string | undefined {
  const exact = ms !== undefined && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms ?? 0}ms`;
  return replaced(query, "latency", ms === undefined ? "" : `latency:>=${exact}`);
}

export const leastWord = (ms: number): string => `≥ ${tidy(duration(ms))}`;

const HAS: Record<Exclude<FieldName, "latency">, (trace: TraceSummary) => readonly string[]> = {
  status: (trace) => [trace.status],
  model: (trace) => trace.models,
  key: (trace) => trace.key_ids,
  user: (trace) => [trace.user_id],
  session: (trace) => [trace.session_id],
};

type Test = (trace: TraceSummary) => boolean;

function testOf(term: Term): Test | null {
  const condition = conditionOf(term);
  if (condition === null) {
    const word = plainValue(term.text);
    if (word === undefined || (!QUOTED.test(term.text) && /[():=<>]|^-./.test(term.text))) return null;
    const wanted = word.toLowerCase();
    return (trace) => [trace.input_preview, trace.output_preview, trace.trace_id, trace.name, trace.error_code, trace.user_id, trace.session_id, ...trace.models].some((part) => part.toLowerCase().includes(wanted));
  }
  if (isOf("latency")(condition)) {
    const least = parseDuration(condition.values[0] ?? "");
    return least === null ? null : (trace) => trace.duration_ms >= least;
  }
  const values = condition.values.map(plainValue);
  const name = (Object.keys(HAS) as (keyof typeof HAS)[]).find((each) => isOf(each)(condition));
  if (name === undefined || values.includes(undefined)) return null;
  return (trace) => HAS[name](trace).some((has) => values.includes(has));
}

/** Whether a trace that just arrived fits, told from what a summary holds; null where only the server can tell. */
export function tellable(query: string | undefined): Test | null {
  const terms = all(query ?? "");
  if (terms === null || termsOf(query ?? "").some((term) => term.text === "NOT")) return null;
  const tests = terms.map(testOf);
  return tests.includes(null) ? null : (trace) => tests.every((test) => test?.(trace) === true);
}
