import { describe, expect, it } from "vitest";
import type { FiguresTable, SavedChart } from "@/api/types";
import { behind, csv, format, label, ofGroups, question, seriesOf, stepOf } from "./figures";

const from = new Date("2026-01-01T00:00:00Z");
const span = (hours: number) => ({ from, to: new Date(from.getTime() + hours * 3_600_000) });
const chart = (more: Partial<SavedChart> = {}): SavedChart => ({ title: "t", kind: "line", source: "spans", measures: ["count"], group_by: "", q: "", top: 8, width: 2, ...more });

describe("steps", () => {
  it("give a range a readable number of points", () => {
    expect([0.25, 1, 6, 24, 168, 720].map((hours) => stepOf(span(hours), 1))).toEqual([60, 60, 300, 900, 7200, 21600]);
  });
  it("leave room for all groups in one answer", () => {
    for (const hours of [1, 24, 720, 8760]) expect((hours * 3600) / stepOf(span(hours), 10)).toBeLessThanOrEqual(100);
  });
});

describe("queries of groups", () => {
  it("quote what stands in them", () => expect(ofGroups("status:error", "model", ['a"b', "c"])).toBe('status:error (model:"a\\"b" OR model:"c")'));
  it("ask for what is empty", () => expect(ofGroups("", "user", [""])).toBe("-has:user"));
  it("keep alternatives together", () => expect(ofGroups("a OR b", "model", ["m"])).toBe('(a OR b) model:"m"'));
});

describe("questions", () => {
  it("ask for the groups that lead, over time", () => {
    const asked = question(chart({ group_by: "model", top: 2 }), span(24));
    expect(asked).toMatchObject({ group_by: ["time:900s", "model"], top: 2, limit: 1000 });
  });
  it("ask for the first groups of a table, and for all points of a line", () => {
    expect(question(chart({ kind: "table", group_by: "model", measures: ["sum(tokens)", "count"] }), span(24))).toMatchObject({ group_by: ["model"], order: "-sum(tokens)", limit: 8 });
    expect(question(chart(), span(24))).toMatchObject({ group_by: ["time:900s"], limit: 1000 });
  });
});

describe("series", () => {
  const table: FiguresTable = {
    columns: ["time:3600s", "model", "count"],
    rows: [{ "time:3600s": "2026-01-01T01:00:00Z", model: "a", count: 3 }, { "time:3600s": "2026-01-01T02:00:00Z", model: "", count: 1 }],
    step_s: 3600,
    more: false,
  };
  it("put each group in its own, with nothing counted as zero", () => {
    const { times, series } = seriesOf(chart({ group_by: "model" }), table, span(3));
    expect(times).toHaveLength(3);
    expect(series.map((each) => [each.name, each.values])).toEqual([["a", [0, 3, 0]], ["none", [0, 0, 1]]]);
  });
  it("leave gaps where nothing was measured", () => {
    const measure = "p95(latency_ms)";
    const rows = [{ "time:3600s": "2026-01-01T01:00:00Z", [measure]: 12 }];
    expect(seriesOf(chart({ measures: [measure] }), { ...table, columns: ["time:3600s", measure], rows }, span(3)).series[0]?.values).toEqual([null, 12, null]);
  });
  it("draw quantiles as bands", () => {
    const measures = ["p50(latency_ms)", "p95(latency_ms)", "p99(latency_ms)"];
    expect(seriesOf(chart({ measures }), { ...table, rows: [] }, span(1)).series.map((each) => each.kind)).toEqual(["band", "band", "band"]);
  });
});

describe("words and files", () => {
  it("name measures and their units", () => {
    expect(["count", "p95(ttft_ms)", "sum(cost_usd)"].map((measure) => label(measure))).toEqual(["requests", "p95 time to first token", "cost"]);
    expect([format("error_rate")(0.25), format("p50(latency_ms)")(1500), format("sum(cost_usd)")(1.5)]).toEqual(["25.0%", "1.50 s", "$1.50"]);
  });
  it("call what is counted by its name", () => expect([label("count", "scores"), label("count", "traces")]).toEqual(["scores", "traces"]));
  it("write comma-separated values that are no formulas", () => {
    const rows = [{ model: '=a,"b"', count: 2 }, { model: "c", count: null }];
    expect(csv({ columns: ["model", "count"], rows, step_s: 0, more: false })).toBe('model,count\r\n"\'=a,""b""",2\r\nc,');
  });
  it("lead to the traces behind a figure", () => {
    expect(behind(chart({ measures: ["error_rate"], group_by: "model" }), span(1), "a")).toEqual({
      q: 'model:"a" status:"error"', from: "2026-01-01T00:00:00.000Z", to: "2026-01-01T01:00:00.000Z",
    });
  });
});
