import { describe, expect, it } from "vitest";
import type { Abilities, CatalogEntry, Price, Rate } from "@/api/types";
import { contextText, fits, likeTable, NO_CONDITIONS, options, pricedAs, priceTable, readFilter, sorted, sourceWord, stepsText, tierColumns, tokenRate, unitPrice, writeFilter, type ModelFilter } from "./catalog";

const NOTHING: Abilities = { task: null, tools: null, structured_output: null, thinking: null, images: null, documents: null, audio: null, video: null };
const rate = (kind: string, usd: string, steps: Rate["steps"] = []): Rate => ({ kind, per: "million_tokens", usd, steps });
const price = (rates: Rate[], more: Partial<Price> = {}): Price => ({ status: "priced", source: "list", version: "v", detail: "", rates, service_tiers: [], override: null, listed: null, ...more });
const entry = (name: string, more: Partial<CatalogEntry> = {}): CatalogEntry => ({
  name,
  kind: "account_model",
  account: name.split("/")[0] ?? "",
  provider: "openai",
  model: name.split("/")[1] ?? "",
  title: "",
  enabled: true,
  listed: true,
  abilities: NOTHING,
  context_tokens: null,
  deprecated: false,
  price: price([rate("input", "1"), rate("output", "2")]),
  targets: [],
  ...more,
});
const unpriced = price([], { status: "unpriced", source: "nobody" });
const free = price([], { status: "free", source: "self_hosted" });
const filter = (part: Partial<ModelFilter> = {}): ModelFilter => ({ ...NO_CONDITIONS, sort: "name", order: "asc", ...part });

describe("conditions", () => {
  it("survive the URL, and nonsense does not", () => {
    const wanted = filter({ text: "gpt", providers: ["openai", "vllm"], abilities: ["tools"], tasks: ["chat"], priced: ["free"], sort: "input", order: "desc" });
    expect(readFilter(writeFilter(wanted))).toEqual(wanted);
    expect(readFilter({ can: "fly", price: ["no", "list"], sort: "age", task: "cook" })).toEqual(filter({ priced: ["list"] }));
    expect(writeFilter(filter())).toEqual({});
  });
  it("do not take an unknown ability for one", () => {
    const known = { ...NOTHING, tools: true, images: false };
    expect(fits(entry("a/m", { abilities: known }), filter({ abilities: ["tools"] }))).toBe(true);
    expect(fits(entry("a/m", { abilities: known }), filter({ abilities: ["tools", "images"] }))).toBe(false);
    expect(fits(entry("a/m"), filter({ abilities: ["tools"] }))).toBe(false);
  });
  it("find words in name, title, provider and targets", () => {
    const one = entry("eu/m-1", { title: "Big Model", provider: "azure_openai" });
    for (const text of ["M-1", "big", "azure m-1", " eu "]) expect(fits(one, filter({ text }))).toBe(true);
    expect(fits(one, filter({ text: "big us" }))).toBe(false);
  });
  it("tell own, free, unpriced and stepped prices apart", () => {
    expect(pricedAs(entry("a/m"))).toEqual(["list"]);
    expect(pricedAs(entry("a/m", { price: unpriced }))).toEqual(["unpriced"]);
    expect(pricedAs(entry("a/m", { price: free }))).toEqual(["free"]);
    const batch = { name: "batch", rates: [rate("input", "1")] };
    expect(pricedAs(entry("a/m", { price: price([rate("input", "1", [{ above_tokens: 9, usd: "2" }])], { service_tiers: [batch] }) }))).toEqual(["list", "by_length", "batch"]);
    const target = { name: "a/m", account: "a", model: "m", provider: "openai", weight: 1, enabled: true, context_tokens: null, price: unpriced };
    expect(pricedAs(entry("fast", { kind: "route", price: null, targets: [target, { ...target, price: free }] }))).toEqual(["by_target", "free", "unpriced"]);
    expect(pricedAs(entry("gone", { kind: "route", price: null, targets: [{ ...target, provider: "", price: null }] }))).toEqual(["by_target", "unpriced"]);
  });
  it("are offered with how many there are", () => {
    expect(options([entry("a/m"), entry("a/n"), entry("b/m", { provider: "vllm" })], (each) => [each.provider])).toEqual([
      { value: "openai", count: 2 },
      { value: "vllm", count: 1 },
    ]);
  });
});

describe("order", () => {
  const dear = entry("a/dear", { price: price([rate("input", "10"), rate("output", "9")]), context_tokens: 9 });
  const cheap = entry("a/cheap", { price: price([rate("input", "0.000001")]), context_tokens: 8 });
  const nothing = entry("a/nothing", { price: unpriced });
  const own = entry("gpu/own", { price: free, provider: "vllm" });
  const names = (part: Partial<ModelFilter>) => sorted([nothing, dear, own, cheap], filter(part)).map((each) => each.model);
  it("puts what is not known last, whichever way", () => {
    expect(names({ sort: "input" })).toEqual(["own", "cheap", "dear", "nothing"]);
    expect(names({ sort: "input", order: "desc" })).toEqual(["dear", "cheap", "own", "nothing"]);
    expect(names({ sort: "context" })).toEqual(["cheap", "dear", "nothing", "own"]);
    expect(names({ sort: "output" })).toEqual(["own", "dear", "cheap", "nothing"]);
  });
  it("puts routes above models by name", () => {
    const route = entry("zoo", { kind: "route", price: null });
    expect(sorted([entry("a/m"), route], filter()).map((each) => each.name)).toEqual(["zoo", "a/m"]);
  });
  it("sorts numbers in names as numbers", () => {
    expect(sorted([entry("a/m-10"), entry("a/m-9")], filter()).map((each) => each.name)).toEqual(["a/m-9", "a/m-10"]);
    expect(names({ sort: "provider", order: "desc" })[0]).toBe("own");
  });
});

describe("words", () => {
  it("a kind without a rate costs what its side costs", () => {
    const rates = [rate("input", "1"), rate("output", "4"), rate("cache_read", "0.1")];
    expect(["cache_read", "cache_write_1h", "reasoning", "output_audio"].map((kind) => tokenRate(rates, kind)?.usd)).toEqual(["0.1", "1", "4", "4"]);
    expect(tokenRate([{ kind: "input", per: "request", usd: "1", steps: [] }], "input")).toBeNull();
  });
  it("prices keep every digit and at least cents", () => {
    expect(["5", "0.8", "2.125", "0", "1E-7", "1000", "0.15"].map(unitPrice)).toEqual(["$5.00", "$0.80", "$2.125", "$0", "$0.0000001", "$1000.00", "$0.15"]);
  });
  it("service tiers that cost the same share a column", () => {
    const tier = (name: string, usd: string) => ({ name, rates: [rate("input", usd)] });
    const columns = tierColumns(price([rate("input", "2")], { service_tiers: [tier("batch", "1"), tier("fast", "4"), tier("flex", "1"), tier("priority", "4")] }));
    expect(columns.map((column) => column.name)).toEqual(["standard", "batch, flex", "fast, priority"]);
  });
  it("steps, lengths and sources", () => {
    expect(stepsText(rate("input", "5", [{ above_tokens: 272_000, usd: "10" }]))).toBe("above 272,000 input tokens: $10.00");
    expect([null, 512, 8192, 128_000, 1_000_000, 1_048_576].map(contextText)).toEqual([null, "512", "8.2k", "128k", "1M", "1.05M"]);
    const applied = { number: 3, account: "*", provider: "*", model: "m", from: null, like: "", multiplier: "1" };
    expect([price([]), unpriced, free, price([], { source: "override", override: applied })].map(sourceWord)).toEqual(["list price", "unpriced", "own hardware", "own price 3"]);
  });
  it("a table to copy is valid whatever the name holds", () => {
    expect(priceTable({ account: "a", model: 'x"y\\z' })).toContain('model = "x\\"y\\\\z"');
    expect(likeTable({ account: "a", model: "b" })).toContain("like = ");
  });
});
