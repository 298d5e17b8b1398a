import { describe, expect, it } from "vitest";
import type { ReceiptView } from "@/api/types";
import { surfaceName, ways } from "./receipts";

const receipt = (more: Partial<ReceiptView>): ReceiptView => ({
  surface: "otlp_http",
  signal: "traces",
  sdk_name: "sdk",
  sdk_version: "1",
  outcome: "accepted",
  reason: "",
  requests: 1,
  items: 10,
  sample: "",
  last_at: "2026-11-28T10:00:00Z",
  ...more,
});

describe("ways", () => {
  it("adds up what came one way", () => {
    const [way, ...others] = ways([
      receipt({}),
      receipt({ outcome: "merged", items: 9, last_at: "2026-11-28T10:05:00Z" }),
      receipt({ outcome: "rejected", reason: "trace_id_invalid", items: 2, sample: "span 1" }),
      receipt({ outcome: "refused", reason: "spool_full", items: 0, requests: 3 }),
      receipt({ outcome: "set_aside", reason: "unconvertible", items: 1 }),
    ]);
    expect(others).toEqual([]);
    expect(way).toMatchObject({ accepted: 10, merged: 9, rejected: 2, refused: 3, setAside: 1, sdk: "sdk 1", lastAt: "2026-11-28T10:05:00Z" });
    expect(way?.problems.map((one) => [one.reason, one.count, one.whole])).toEqual([
      ["trace_id_invalid", 2, false],
      ["spool_full", 3, true],
      ["unconvertible", 1, false],
    ]);
  });

  it("shows trouble first, then the busiest", () => {
    const found = ways([
      receipt({ sdk_name: "quiet", items: 1 }),
      receipt({ sdk_name: "busy", items: 99 }),
      receipt({ sdk_name: "broken", outcome: "rejected", reason: "span_id_invalid", items: 1 }),
    ]);
    expect(found.map((way) => way.sdk)).toEqual(["broken 1", "busy 1", "quiet 1"]);
  });

  it("keeps signals apart and copes without an SDK's name", () => {
    const found = ways([receipt({ sdk_name: "", sdk_version: "" }), receipt({ sdk_name: "", sdk_version: "", signal: "logs" })]);
    expect(found.map((way) => [way.signal, way.sdk])).toEqual([
      ["logs", ""],
      ["traces", ""],
    ]);
  });
});

describe("surfaceName", () => {
  it("names what it knows and leaves the rest", () => {
    expect(surfaceName("otlp_grpc")).toBe("OTLP/gRPC");
    expect(surfaceName("somewhere")).toBe("somewhere");
  });
});
