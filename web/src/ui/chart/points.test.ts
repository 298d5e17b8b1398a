import { expect, it } from "vitest";
import { placed, reachOf } from "./points";
import type { ChartPoint, ChartSeries } from "./types";

const point = (at: number, value: number): ChartPoint => ({ key: String(at), at, value, colour: "red", lines: [] });
const line = (...values: (number | null)[]): ChartSeries => ({ name: "a", colour: "red", kind: "line", values });

it("stretches the axis for points, but not until the lines are flat", () => {
  expect(reachOf([line(1, null, 2)], [])).toBeNull();
  expect(reachOf([line(1, null, 2)], [point(0, 5)])).toBe(5);
  expect(reachOf([line(1, null, 2)], [point(0, 5), point(0, 900)])).toBe(6);
  expect(reachOf([line(null)], [point(0, 900)])).toBe(900);
});

it("puts points within their step, and those that are too high at the edge", () => {
  const scale = { x: (index: number) => 50 + index * 100, y: (value: number) => 200 - value * 10, top: 8 };
  const found = placed([point(1000, 1), point(1750, 2), point(2500, 99), point(999, 1), point(3000, 1)], [1000, 2000], 1000, scale);
  expect(found.map((each) => [each.x, each.y, each.beyond])).toEqual([[0, 190, false], [75, 180, false], [150, 8, true]]);
  expect(placed([point(1, 1)], [], 1000, scale)).toEqual([]);
});
