import { expect, it } from "vitest";
import { colourOf, coloursOf, hash, pick, SLOTS } from "./colour";

it("gives ten names ten colours, each near its own wish", () => {
  const taken = new Map<string, number>();
  for (let index = 0; index < SLOTS; index++) taken.set(`model-${index}`, pick(`model-${index}`, taken));
  expect(new Set(taken.values()).size).toBe(SLOTS);
  expect(pick("one more", taken)).toBe(hash("one more") % SLOTS);
});

it("tells names beside each other apart, even where all colours are taken", () => {
  const names = Array.from({ length: 10 }, (_none, index) => `crowd ${index}`);
  for (const name of names) colourOf(name);
  expect(new Set(coloursOf(["late a", "late b", "late c", ...names.slice(0, 7)]).values()).size).toBe(10);
});
