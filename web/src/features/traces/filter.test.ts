import { expect, it } from "vitest";
import { isOld, readFilter, writeFilter } from "./filter";

it("comes back from the URL as it was written", () => {
  const search = { q: "refund status:error", sort: "cost", order: "asc" };
  expect(writeFilter(readFilter(search))).toMatchObject(search);
  expect(readFilter({ sort: "colour" })).toEqual({ q: undefined, sort: "started_at", order: "desc" });
});

it("reads what older addresses say beside the query", () => {
  const search = { model: ["a/b", "c d"], status: ["error", "odd"], key_id: "k", user_id: "ada", session_id: "s", min_ms: "1500", text: "not possible", q: "refund" };
  expect(isOld(search)).toBe(true);
  expect(readFilter(search).q).toBe('refund status:error model:(a/b OR "c d") key:k user:ada session:s latency:>=1500ms "not possible"');
  expect(isOld(writeFilter(readFilter(search)))).toBe(false);
  expect(readFilter({ min_ms: "-3", status: "odd" }).q).toBeUndefined();
});
