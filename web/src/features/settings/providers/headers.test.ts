import { expect, it } from "vitest";
import { readHeaders, writeHeaders } from "./headers";

it("reads one header a line and writes them back", () => {
  const text = "openai-organization: org-1\nx-amz-region: eu-west-1";
  expect(readHeaders(text)).toEqual({ "openai-organization": "org-1", "x-amz-region": "eu-west-1" });
  expect(writeHeaders(readHeaders(text))).toBe(text);
});

it("keeps colons in values and leaves empty lines out", () => {
  expect(readHeaders("\n a : http://b \n\n")).toEqual({ a: "http://b" });
});
