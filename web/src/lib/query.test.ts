import { expect, it } from "vitest";
import { fromCharacters, named, toCharacters, unfinished, withCondition, written } from "./query";

it("waits for what is missing", () => {
  expect(["user:", "a OR", "a -", "(a", 'say "x', "tokens>=", "model:(a OR "].map(unfinished)).not.toContain(false);
  expect(["user:a", "a", 'say "(x"', "(a)", "ORDER", "model:(a OR b)", ""].map(unfinished)).not.toContain(true);
});

it("writes values so that they are read as they are", () => {
  expect(["ada", "a b", 'say "x"', "a\\b c", "gpt-*", "OR", "a:b", "1..2", ""].map(written)).toEqual(["ada", '"a b"', '"say \\"x\\""', '"a\\\\b c"', '"gpt-*"', '"OR"', "a:b", '"1..2"', '""']);
});

it("writes names", () => {
  expect(["plan", "http.method", "a b", 'x"y'].map((name) => named("metadata", name))).toEqual(["metadata.plan", "metadata.http.method", 'metadata."a b"', 'metadata."x\\"y"']);
});

it("adds a condition once", () => {
  expect(withCondition(undefined, "user", "ada")).toBe("user:ada");
  expect(withCondition("refund", "user", "ada")).toBe("refund user:ada");
  expect(withCondition("refund user:ada", "user", "ada")).toBe("refund user:ada");
  expect(withCondition("a OR b", "tag", "x y")).toBe('(a OR b) tag:"x y"');
});

it("counts characters as the server does", () => {
  expect(toCharacters("🕰a", 3)).toBe(2);
  expect(fromCharacters("🕰a", 2)).toBe(3);
});
