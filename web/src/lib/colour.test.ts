import { expect, it } from "vitest";
import { hash, pick, SLOTS } from "./colour";

it("gives ten names ten colours, each near its own wish", () => {
  const taken = new Map<string, number>();
  for (let index = 0; index < SLOTS; index++) taken.set(`model-${index}`, pick(`model-${index}`, taken));
  expect(new Set(taken.values()).size).toBe(SLOTS);
  expect(pick("one more", taken)).toBe(hash("one more") % SLOTS);
});
