import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { figuresTogether } from "./dashboards";

const day = { from: "2026-01-01T00:00:00.000Z", to: "2026-01-02T00:00:00.000Z" };
const table = (count: number) => ({ columns: ["count"], rows: [{ count }], step_s: 0, more: false });
const problem = { type: "", title: "Refused", status: 400, detail: "no such field", code: "invalid_query", request_id: "", errors: [] };
const sent: { questions: { q: string }[]; from: string }[] = [];

beforeEach(() => {
  vi.stubGlobal("fetch", (_address: string, { body }: { body: string }) => {
    const asked = JSON.parse(body) as (typeof sent)[number];
    sent.push(asked);
    const items = asked.questions.map(({ q }, index) => (q === "(" ? { table: null, problem } : { table: table(index), problem: null }));
    return Promise.resolve(new Response(JSON.stringify({ items }), { status: 200 }));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  sent.length = 0;
});

describe("figures", () => {
  it("of one time are asked for together, and each gets its own answer", async () => {
    const found = await Promise.allSettled(["a", "(", "b"].map((q) => figuresTogether("p", day, { q })));
    expect(sent.map(({ questions }) => questions.map(({ q }) => q))).toEqual([["a", "(", "b"]]);
    expect(found.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((found[2] as PromiseFulfilledResult<unknown>).value).toEqual(table(2));
    expect((found[1] as PromiseRejectedResult).reason).toMatchObject({ code: "invalid_query" });
  });
  it("of different times, and those asked for later, go on their own", async () => {
    const other = { ...day, from: "2025-12-31T00:00:00.000Z" };
    await Promise.all([figuresTogether("p", day, { q: "a" }), figuresTogether("p", other, { q: "b" })]);
    await figuresTogether("p", day, { q: "c" });
    expect(sent.map(({ questions }) => questions[0]?.q)).toEqual(["a", "b", "c"]);
  });
});
