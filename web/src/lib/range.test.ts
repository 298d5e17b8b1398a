import { expect, it } from "vitest";
import { lastLabel, spanLabel } from "./range";

it("says lengths of time in words", () => {
  expect(["24h", "7d", "1h", "90d", "1d", "45m"].map(lastLabel)).toEqual(["Last 24 hours", "Last 7 days", "Last hour", "Last 90 days", "Last day", "Last 45 minutes"]);
});

it("says two ends of time, and their year where it is not this one", () => {
  const year = new Date().getFullYear();
  const at = (years: number, day: number, hour: number) => new Date(year + years, 0, day, hour, 5);
  expect(spanLabel({ from: at(0, 2, 3), to: at(0, 2, 4) })).toBe("Jan 2 03:05 – 04:05");
  expect(spanLabel({ from: at(-1, 2, 3), to: at(0, 2, 3) })).toBe(`Jan 2, ${year - 1} 03:05 – Jan 2 03:05`);
});
