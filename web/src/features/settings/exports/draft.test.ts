import { describe, expect, it } from "vitest";
import { bodyOf, EMPTY, ready, when } from "./draft";

describe("an export as it is typed in", () => {
  it("goes to a folder once, without keys or a schedule", () => {
    const body = bodyOf({ ...EMPTY, name: " mine ", query: "status:error " });
    expect(body).toEqual({ name: "mine", what: "spans", format: "jsonl", where: { q: "status:error" }, target: { type: "folder", path: "" } });
  });

  it("carries the keys of a bucket and its schedule", () => {
    const draft = { ...EMPTY, name: "b", when: "week" as const, hour: 4, weekday: 6, target: "s3" as const, endpoint: "https://s3", bucket: "abc", accessKey: "a", secretKey: "s " };
    expect(ready(draft)).toBe(true);
    expect(ready({ ...draft, secretKey: "" })).toBe(false);
    expect(bodyOf(draft)).toMatchObject({ schedule: { every: "week", hour: 4, weekday: 6 }, keys: { access_key: "a", secret_key: "s " } });
  });

  it("says when it runs", () => {
    expect([when(null), when({ every: "hour" }), when({ every: "day", hour: 3 }), when({ every: "week", hour: 0, weekday: 6 })]).toEqual(["Once", "Every hour", "Every day at 03:00 UTC", "Every Sunday at 00:00 UTC"]);
  });
});
