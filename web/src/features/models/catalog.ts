/** The catalog as it is narrowed, sorted and worded; pure. */
import type { Abilities, CatalogEntry, Price, Rate } from "@/api/types";
import { approximate, parseDecimal, plain } from "@/lib/decimal";
import { grouped } from "@/lib/format";
import { list, listOrNone, text } from "@/lib/search";

export type Flag = Exclude<keyof Abilities, "task">;

export const FLAGS: readonly { id: Flag; label: string }[] = [
  { id: "tools", label: "Tools" },
  { id: "structured_output", label: "Structured output" },
  { id: "thinking", label: "Thinking" },
  { id: "images", label: "Images" },
  { id: "documents", label: "Documents" },
  { id: "audio", label: "Audio" },
  { id: "video", label: "Video" },
];

export const TASKS: Readonly<Record<string, string>> = {
  chat: "Chat",
  embedding: "Embeddings",
  rerank: "Reranking",
  image: "Makes images",
  speech: "Speaks",
  transcription: "Transcribes",
  moderation: "Moderation",
};

/** What may be asked of an entry's price. */
export const PRICED = {
  list: "List price",
  own: "Own price",
  free: "Own hardware",
  unpriced: "Unpriced",
  by_length: "By prompt length",
  batch: "Batch price",
  by_target: "By target",
} as const;
export type Priced = keyof typeof PRICED;

export type SortField = "name" | "provider" | "context" | "input" | "cache_read" | "output";
const SORTS: readonly SortField[] = ["name", "provider", "context", "input", "cache_read", "output"];

export interface ModelFilter {
  text?: string | undefined;
  providers: readonly string[];
  abilities: readonly string[];
  tasks: readonly string[];
  priced: readonly string[];
  sort: SortField;
  order: "asc" | "desc";
}

export const NO_CONDITIONS = { text: undefined, providers: [], abilities: [], tasks: [], priced: [] } as const;

export function readFilter(search: Record<string, unknown>): ModelFilter {
  return {
    text: text(search.text),
    providers: list(search.provider),
    abilities: list(search.can).filter((each) => FLAGS.some((flag) => flag.id === each)),
    tasks: list(search.task).filter((each) => each in TASKS),
    priced: list(search.price).filter((each) => each in PRICED),
    sort: SORTS.find((sort) => sort === search.sort) ?? "name",
    order: search.order === "desc" ? "desc" : "asc",
  };
}

export function writeFilter(filter: ModelFilter): Record<string, unknown> {
  const byDefault = filter.sort === "name" && filter.order === "asc";
  return {
    text: filter.text,
    provider: listOrNone(filter.providers),
    can: listOrNone(filter.abilities),
    task: listOrNone(filter.tasks),
    price: listOrNone(filter.priced),
    sort: byDefault ? undefined : filter.sort,
    order: byDefault ? undefined : filter.order,
  };
}

export function conditionCount(filter: ModelFilter): number {
  return [filter.providers, filter.abilities, filter.tasks, filter.priced].filter((each) => each.length > 0).length + Number(filter.text !== undefined);
}

/** All prices that a name may cost: its own, or those of a route's targets. */
export function pricesOf(entry: CatalogEntry): Price[] {
  if (entry.price !== null) return [entry.price];
  return entry.targets.map((target) => target.price).filter((price) => price !== null);
}

export function providersOf(entry: CatalogEntry): string[] {
  return entry.kind === "route" ? [...new Set(entry.targets.map((target) => target.provider).filter((each) => each !== ""))] : [entry.provider];
}

export function pricedAs(entry: CatalogEntry): Priced[] {
  const prices = pricesOf(entry);
  const found: Priced[] = [];
  if (entry.price === null) found.push("by_target");
  if (prices.some((price) => price.source === "list")) found.push("list");
  if (prices.some((price) => price.override !== null)) found.push("own");
  if (prices.some((price) => price.status === "free")) found.push("free");
  if (prices.length === 0 || prices.some((price) => price.status === "unpriced")) found.push("unpriced");
  if (prices.some((price) => price.rates.some((rate) => rate.steps.length > 0))) found.push("by_length");
  if (prices.some((price) => price.service_tiers.some((tier) => tier.name === "batch"))) found.push("batch");
  return found;
}

/** Every word of the text is in the name, the title or the provider. */
function named(entry: CatalogEntry, wanted: string | undefined): boolean {
  const words = (wanted ?? "").toLowerCase().split(/\s+/);
  const hay = [entry.name, entry.title, ...providersOf(entry), ...entry.targets.map((target) => target.name)].join("\n").toLowerCase();
  return words.every((word) => hay.includes(word));
}

/** A condition with several values wants one of them, except abilities, which are wanted all. */
export function fits(entry: CatalogEntry, filter: ModelFilter): boolean {
  const any = (wanted: readonly string[], has: readonly string[]) => wanted.length === 0 || wanted.some((each) => has.includes(each));
  return (
    named(entry, filter.text) &&
    any(filter.providers, providersOf(entry)) &&
    any(filter.tasks, [entry.abilities.task ?? ""]) &&
    any(filter.priced, pricedAs(entry)) &&
    filter.abilities.every((flag) => entry.abilities[flag as Flag] === true)
  );
}

/** The rate that counts for a kind of tokens: its own, else that of its side. */
export function tokenRate(rates: readonly Rate[], kind: string): Rate | null {
  const side = kind.startsWith("output") || kind === "reasoning" ? "output" : "input";
  const find = (wanted: string) => rates.find((rate) => rate.kind === wanted && rate.per === "million_tokens");
  return find(kind) ?? find(side) ?? null;
}

/** Service tiers with the same rates as one column. */
export function tierColumns(price: Price): { name: string; rates: readonly Rate[] }[] {
  const columns: { name: string; rates: readonly Rate[]; key: string }[] = [{ name: "standard", rates: price.rates, key: JSON.stringify(price.rates) }];
  for (const tier of price.service_tiers) {
    const key = JSON.stringify(tier.rates);
    const same = columns.find((column) => column.key === key);
    if (same === undefined) columns.push({ name: tier.name, rates: tier.rates, key });
    else same.name += `, ${tier.name}`;
  }
  return columns.map(({ name, rates }) => ({ name, rates }));
}

/** What a price is sorted by: free below all, unknown apart. */
function amount(entry: CatalogEntry, kind: string): number | null {
  const prices = pricesOf(entry).map((price) => {
    if (price.status === "free") return 0;
    const rate = tokenRate(price.rates, kind);
    return rate === null ? null : approximate(rate.usd);
  });
  const known = prices.filter((each) => each !== null);
  return known.length === 0 ? null : Math.max(...known);
}

export function sorted(entries: readonly CatalogEntry[], filter: ModelFilter): CatalogEntry[] {
  const sign = filter.order === "asc" ? 1 : -1;
  const value = (entry: CatalogEntry): number | string | null => {
    if (filter.sort === "name") return entry.name;
    if (filter.sort === "provider") return providersOf(entry)[0] ?? null;
    return filter.sort === "context" ? entry.context_tokens : amount(entry, filter.sort);
  };
  const byName = (a: CatalogEntry, b: CatalogEntry) => a.name.localeCompare(b.name, "en", { numeric: true });
  const routesFirst = (a: CatalogEntry, b: CatalogEntry) => (filter.sort === "name" ? Number(b.kind === "route") - Number(a.kind === "route") : 0);
  return entries
    .map((entry) => ({ entry, value: value(entry) }))
    .sort((a, b) => {
      // What is not known stands last, whichever way round.
      if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null) || byName(a.entry, b.entry);
      const between = typeof a.value === "number" && typeof b.value === "number" ? a.value - b.value : String(a.value).localeCompare(String(b.value), "en", { numeric: true });
      return routesFirst(a.entry, b.entry) || sign * between || byName(a.entry, b.entry);
    })
    .map(({ entry }) => entry);
}

export function options(entries: readonly CatalogEntry[], values: (entry: CatalogEntry) => readonly string[]): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const entry of entries) for (const value of values(entry)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count }));
}

const KINDS: Readonly<Record<string, string>> = {
  input: "Input",
  cache_read: "Cache read",
  cache_write_5m: "Cache write, 5 min",
  cache_write_1h: "Cache write, 1 h",
  input_audio: "Audio in",
  input_image: "Images in",
  output: "Output",
  reasoning: "Reasoning",
  output_audio: "Audio out",
  output_image: "Images out",
  request: "Request",
  image: "Image",
  audio: "Audio",
  text: "Text",
  search: "Search",
  page: "Page of a document",
  annotated_page: "Annotated page",
};

export const kindWord = (kind: string) => KINDS[kind] ?? kind;

const UNITS: Readonly<Record<string, string>> = {
  million_tokens: "per 1M tokens",
  million_characters: "per 1M characters",
  request: "each",
  image: "each",
  minute: "per minute",
  search: "each",
  page: "each",
};

export const unitWord = (per: string) => UNITS[per] ?? per;

/** A price to its last digit, with cents at least, so that a column of them can be compared. */
export function unitPrice(usd: string): string {
  const value = parseDecimal(usd);
  if (value === null) return usd;
  const [whole = "0", fraction = ""] = plain(value).split(".");
  return fraction === "" && whole === "0" ? "$0" : `$${whole}.${fraction.padEnd(2, "0")}`;
}

/** `above 272,000 input tokens: $10.00`, one step a line. */
export function stepsText(rate: Rate): string {
  return rate.steps.map((step) => `above ${grouped(step.above_tokens)} input tokens: ${unitPrice(step.usd)}`).join("\n");
}

/** A length as providers write it: `128k`, `1M`. */
export function contextText(tokens: number | null): string | null {
  if (tokens === null) return null;
  if (tokens >= 1_000_000) return `${Number((tokens / 1_000_000).toFixed(2))}M`;
  return tokens >= 1000 ? `${Number((tokens / 1000).toFixed(1))}k` : String(tokens);
}

/** Who says the price, in a few words. */
export function sourceWord(price: Price): string {
  if (price.override !== null && price.status !== "unpriced") return `own price ${price.override.number}`;
  return { list: "list price", override: "own price", self_hosted: "own hardware", nobody: "unpriced" }[price.source];
}

/** A table for the operator's file that gives the model a price. */
export function priceTable(entry: Pick<CatalogEntry, "account" | "model">): string {
  const quoted = (value: string) => JSON.stringify(value);
  return `[[price]]
account = ${quoted(entry.account)}
model = ${quoted(entry.model)}
input_usd = 0.10   # per million tokens
output_usd = 0.30`;
}

/** A table that prices the model like one of the price data. */
export function likeTable(entry: Pick<CatalogEntry, "account" | "model">): string {
  const quoted = (value: string) => JSON.stringify(value);
  return `[[price]]
account = ${quoted(entry.account)}
model = ${quoted(entry.model)}
like = "openai/gpt-4o"   # any model with a list price`;
}
