import { expect, it } from "vitest";
import { narrowed, readFilter, sortedBy, writeFilter } from "./filter";

it("comes back from the URL as it was written", () => {
  const search = { text: "order", user_id: "ann@example.com", sort: "cost", order: "asc" };
  expect(writeFilter(readFilter(search))).toEqual(search);
  expect(Object.values(writeFilter(readFilter({})))).toEqual([undefined, undefined, undefined, undefined]);
});

it("drops what makes no sense", () => {
  expect(readFilter({ sort: "name", order: "up", text: "" })).toEqual({ text: undefined, userId: undefined, sort: "last", order: "desc" });
});

it("turns the order of the same column round and begins another with its greatest", () => {
  const start = readFilter({});
  expect(sortedBy(start, "last").order).toBe("asc");
  expect(sortedBy(sortedBy(start, "last"), "last").order).toBe("desc");
  expect(sortedBy(sortedBy(start, "last"), "cost")).toMatchObject({ sort: "cost", order: "desc" });
});

it("knows whether anything narrows the list", () => {
  expect([{}, { sort: "cost" }, { text: "a" }, { user_id: "b" }].map((search) => narrowed(readFilter(search)))).toEqual([false, false, true, true]);
});
