/** What a list shows, as a view keeps it, as the URL has it. */
import type { ViewState } from "@/api/views";
import { DEFAULT_PRESET, isPreset, PRESETS, readRange } from "@/lib/range";
import { list, text } from "@/lib/search";

type Search = Record<string, unknown>;

/** In the URL in place of a view: none, although the list would open with one. */
export const NO_VIEW = "none";

/** What a view keeps of the URL, besides the range of time. */
const KEPT = ["q", "text", "user_id", "sort", "order"] as const;
/** What older addresses have instead of a query. */
const OLD = ["model", "status", "key_id", "session_id", "min_ms"] as const;

/** Whether the URL says by itself what the list shows. */
export function saysSomething(search: Search): boolean {
  return [...KEPT, ...OLD, "from"].some((name) => list(search[name]).length > 0);
}

/** What a list shows now; `columns` are those that it shows, null where nobody has chosen any. */
export function stateOf(search: Search, columns: readonly string[] | null, withRange: boolean): ViewState {
  const { range, from, to } = readRange(search);
  const state: ViewState = {};
  const texts = { q: text(search.q), text: text(search.text), user_id: text(search.user_id), sort: text(search.sort) };
  for (const [name, value] of Object.entries(texts)) if (value !== undefined) Object.assign(state, { [name]: value });
  if (search.order === "asc") state.descending = false;
  if (withRange) Object.assign(state, from !== undefined && to !== undefined ? { from_at: from, to_at: to } : { range: range ?? DEFAULT_PRESET });
  if (columns !== null) state.columns = [...columns];
  return state;
}

/** The search parameters of a view; those of its range are left out where it has none. */
export function searchOf(state: ViewState): Search {
  const from = state.from_at ?? undefined;
  const to = state.to_at ?? undefined;
  const own: Search = {
    ...Object.fromEntries(OLD.map((name) => [name, undefined])),
    q: text(state.q),
    text: text(state.text),
    user_id: text(state.user_id),
    sort: text(state.sort),
    order: state.descending === false ? "asc" : undefined,
  };
  if (from !== undefined && to !== undefined) return { ...own, range: undefined, from, to };
  return isPreset(state.range) ? { ...own, range: state.range, from: undefined, to: undefined } : own;
}

/** The columns that a view keeps; null where it leaves them as they are. */
export const columnsOf = (state: ViewState): readonly string[] | null => state.columns ?? null;

export const hasRange = (state: ViewState): boolean => (state.range ?? "") !== "" || (state.from_at ?? null) !== null;

const instant = (time: string | null | undefined) => (time === null || time === undefined ? "" : new Date(time).toISOString());

function canonical(state: ViewState): string {
  return JSON.stringify([
    state.q ?? "",
    state.text ?? "",
    state.user_id ?? "",
    state.range ?? "",
    instant(state.from_at),
    instant(state.to_at),
    state.sort ?? "",
    state.descending ?? true,
    columnsOf(state)?.toSorted() ?? null,
  ]);
}

/** Whether the list shows something else than the view; a range or columns that the view does not keep do not count. */
export function differs(view: ViewState, search: Search, columns: readonly string[] | null): boolean {
  return canonical(stateOf(search, columnsOf(view) === null ? null : columns, hasRange(view))) !== canonical(view);
}

/** The range of the page in words. */
export function rangeWords(search: Search): string {
  const { range, from, to } = readRange(search);
  if (from !== undefined && to !== undefined) return "as fixed here";
  return (PRESETS.find((preset) => preset.id === (range ?? DEFAULT_PRESET))?.label ?? "").toLowerCase();
}
