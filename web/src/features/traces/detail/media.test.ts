import { describe, expect, it } from "vitest";
import type { SpanDetail, TraceMedium } from "@/api/types";
import { fileName, mediaOf, shapeOf } from "./media";

const medium = (more: Partial<TraceMedium>): TraceMedium => ({
  id: "m", span_id: "", field: "input", name: "", content_type: "image/png", size_bytes: 1, address: "media/p/m/0", ...more,
});
const span = (span_id: string, parent_span_id: string) => ({ span_id, parent_span_id }) as SpanDetail;

describe("media", () => {
  it("shows in place only what a browser does not run", () => {
    expect(["image/png", "image/svg+xml", "audio/wav", "video/mp4", "text/html", ""].map(shapeOf)).toEqual(["picture", "file", "sound", "film", "file", "file"]);
  });

  it("stands beside its span, and what is of the whole trace beside the root", () => {
    const all = [medium({ id: "whole" }), medium({ id: "a", span_id: "a" }), medium({ id: "b", span_id: "b" })];
    expect(mediaOf(span("a", ""), all).map((one) => one.id)).toEqual(["whole", "a"]);
    expect(mediaOf(span("b", "a"), all).map((one) => one.id)).toEqual(["b"]);
  });

  it("is saved under its own name, or with the ending of its type", () => {
    expect(fileName(medium({ name: "cat.jpeg" }))).toBe("cat.jpeg");
    expect(fileName(medium({ name: "cat" }))).toBe("cat.png");
    expect(fileName(medium({ content_type: "application/vnd.ms-excel" }))).toBe("m.bin");
  });
});
