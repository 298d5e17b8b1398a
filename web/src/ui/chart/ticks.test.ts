import { expect, it } from "vitest";
import { tickLabel, ticks } from "./ticks";

it("marks round times, and not too many", () => {
  const start = new Date(2026, 10, 24, 3, 40).getTime();
  const times = Array.from({ length: 48 }, (_time, index) => start + index * 1_800_000);
  const marks = [...ticks(times, 6)].map((index) => new Date(times[index] ?? 0).getHours());
  expect(marks).toEqual([6, 12, 18, 0]);
  expect(tickLabel(new Date(2026, 10, 25, 0, 0).getTime(), 86_400_000)).toBe("Nov 25");
  expect(ticks([], 5).size).toBe(0);
});
