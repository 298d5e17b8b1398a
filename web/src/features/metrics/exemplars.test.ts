import { describe, expect, it } from "vitest";
import { distinct, isMeasured, pointsOf } from "./exemplars";

const exemplar = { group: "a", at: "2026-11-28T10:00:30Z", value: 1.5, trace_id: "t", span_id: "s", attributes: { order: "1042" } };
const figures = { first_at: "2026-11-28T10:00:00Z", step_s: 60, more: false, groups: [{ group: "a", total: 1, values: {} }] };

describe("pointsOf", () => {
  it("draws what leads to a trace, of the groups that are drawn, once", () => {
    const found = pointsOf([exemplar, exemplar, { ...exemplar, trace_id: "" }, { ...exemplar, group: "other" }], figures, true);
    expect(found.map((each) => [each.at, each.value, each.lines[0], each.lines[1]])).toEqual([[Date.parse(exemplar.at), 1.5, "a", "order: 1042"]]);
    expect(pointsOf([{ ...exemplar, group: "" }], { ...figures, groups: [] }, false)).toHaveLength(1);
  });
  it("does so only where the axis is of the metric's unit", () => {
    expect([isMeasured("histogram", "p95"), isMeasured("histogram", "rate"), isMeasured("counter", "rate"), isMeasured("gauge", "avg")]).toEqual([true, false, false, true]);
  });
});

it("tells apart what was measured at other times or in other traces", () => {
  expect(distinct([exemplar, { ...exemplar }, { ...exemplar, trace_id: "u" }, { ...exemplar, value: 2 }])).toHaveLength(3);
});
