import { describe, expect, it } from "vitest";
import type { MetricFigures, MetricSummary } from "@/api/types";
import { arranged, attributesOf, conditionOf, formatOf, hasAll, last, measureOf, seriesOf, writer } from "./metrics";

const metric = (name: string, more: Partial<MetricSummary> = {}): MetricSummary => ({ name, kind: "counter", unit: "1", description: "", last_at: "2026-11-28T10:00:00Z", point_count: 1, attributes: [], ...more });

describe("arranged", () => {
  it("puts the conventions of model calls first, in their order, then others of them", () => {
    const found = arranged([metric("a"), metric("gen_ai.own"), metric("gen_ai.client.operation.duration"), metric("gen_ai.client.token.usage")]);
    expect(found.models.map((each) => each.name)).toEqual(["gen_ai.client.token.usage", "gen_ai.client.operation.duration", "gen_ai.own"]);
    expect(found.others.map((each) => each.name)).toEqual(["a"]);
  });
});

describe("values", () => {
  it("are written in their unit", () => {
    expect(formatOf("s")(0.25)).toBe("250 ms");
    expect(formatOf("ms")(1500)).toBe("1.50 s");
    expect(formatOf("MiBy")(1)).toBe("1.05 MB");
    expect(formatOf("{token}")(1234)).toBe("1.23k token");
    expect(formatOf("1")(0.0312)).toBe("0.0312");
    expect(formatOf("")(null)).toBe("–");
  });
  it("of rates are no times", () => {
    expect(writer({ unit: "s", kind: "histogram" }, "rate")(2)).toBe("2/s");
    expect(writer({ unit: "By", kind: "counter" }, "rate")(1500)).toBe("1.50 kB/s");
    expect(writer({ unit: "s", kind: "histogram" }, "p95")(2)).toBe("2.00 s");
    expect(writer({ unit: "s", kind: "histogram" }, "count")(2)).toBe("2");
  });
});

const FIGURES: MetricFigures = {
  first_at: "2026-11-28T10:00:00Z",
  step_s: 60,
  more: false,
  groups: [
    { group: "a", total: 3, values: { p50: [1, null], p95: [2, null], p99: [3, null], sum: [5, null] } },
    { group: "", total: 1, values: { p50: [1, 1], p95: [2, 2], p99: [3, 3], sum: [1, 1] } },
  ],
};

describe("seriesOf", () => {
  it("draws quantiles of one group as bands, of several as their p95", () => {
    const one = seriesOf({ ...FIGURES, groups: FIGURES.groups.slice(0, 1) }, "quantiles", false);
    expect(one.series.map((each) => [each.name, each.kind, each.values[0]])).toEqual([["p50", "band", 1], ["p95", "band", 2], ["p99", "band", 3]]);
    const several = seriesOf(FIGURES, "quantiles", true);
    expect(several.series.map((each) => [each.name, each.kind, each.values])).toEqual([["a", "line", [2, null]], ["none", "line", [2, 2]]]);
    expect(several.times).toEqual([Date.parse("2026-11-28T10:00:00Z"), Date.parse("2026-11-28T10:01:00Z")]);
  });
  it("stacks what adds up", () => {
    expect(seriesOf(FIGURES, "sum", true).series.map((each) => each.kind)).toEqual(["bar", "bar"]);
  });
  it("has nothing to draw of nothing", () => {
    expect(seriesOf({ ...FIGURES, groups: [] }, "quantiles", false)).toMatchObject({ times: [], series: [] });
  });
});

it("chooses the measure that a metric has", () => {
  expect(measureOf(metric("gen_ai.client.token.usage", { kind: "histogram" }), undefined)).toBe("sum");
  expect(measureOf(metric("gen_ai.client.token.usage"), undefined)).toBe("rate");
  expect(measureOf(metric("a", { kind: "gauge" }), "p95")).toBe("avg");
});

it("reads conditions with signs in their values", () => {
  expect(conditionOf("attributes.a=b=c")).toEqual({ attribute: "attributes.a", value: "b=c" });
  expect(hasAll(metric("a", { attributes: ["attributes.a"] }), ["attributes.a=1"])).toBe(true);
  expect(hasAll(metric("a"), ["attributes.a=1"])).toBe(false);
});

it("counts attributes, the application's own before the sender's", () => {
  const found = attributesOf([metric("a", { attributes: ["resource.s", "attributes.x"] }), metric("b", { attributes: ["resource.s", "attributes.y", "attributes.x"] })]);
  expect(found.map((each) => each.value)).toEqual(["attributes.x", "attributes.y", "resource.s"]);
  expect(last([1, 2, null])).toBe(2);
});
