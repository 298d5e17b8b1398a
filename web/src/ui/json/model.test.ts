import { describe, expect, it } from "vitest";
import { ancestors, describeBinary, findInJson, flatten, withoutBinary, type Json } from "./model";

const VALUE: Json = { a: [1, { "b/c": "needle" }], empty: {}, d: null };
const open = () => true;

describe("flatten", () => {
  it("lists every visible row with its path", () => {
    const rows = flatten(VALUE, open);
    expect(rows.map((row) => `${row.kind} ${row.path}`)).toEqual(["open ", "open /a", "leaf /a/0", "open /a/1", "leaf /a/1/b~1c", "close /a/1", "close /a", "leaf /empty", "leaf /d", "close "]);
  });
  it("hides what is folded", () => {
    expect(flatten(VALUE, (path) => path === "").map((row) => row.kind)).toEqual(["open", "folded", "leaf", "leaf", "close"]);
  });
  it("survives depth that would end a recursion", () => {
    let deep: Json = 1;
    for (let level = 0; level < 50_000; level++) deep = [deep];
    // Paths grow with depth; folded below the first levels, as the tree opens it.
    expect(flatten(deep, (_path, depth) => depth < 3)).toHaveLength(7);
  });
});

describe("search", () => {
  it("finds keys and values, and the way to them", () => {
    expect(findInJson(VALUE, "NEEDLE")).toEqual(["/a/1/b~1c"]);
    expect(findInJson(VALUE, "b/c")).toEqual(["/a/1/b~1c"]);
    expect(ancestors("/a/1/b~1c")).toEqual(["", "/a", "/a/1"]);
    expect(findInJson(VALUE, "")).toEqual([]);
  });
});

describe("binary", () => {
  it("describes base64 and leaves text alone", () => {
    expect(describeBinary(`data:image/png;base64,${"A".repeat(400)}`)).toBe("image/png, 300 bytes in base64");
    expect(describeBinary("A".repeat(800))).toBe("600 bytes in base64");
    expect(describeBinary("word ".repeat(200))).toBeNull();
    expect(describeBinary("short")).toBeNull();
    const text = `see ![x](data:image/png;base64,${"A".repeat(400)}) and ${"B".repeat(800)}`;
    expect(withoutBinary(text)).toBe("see ![x](⟨image/png, 300 bytes in base64⟩) and ⟨600 bytes in base64⟩");
    expect(withoutBinary(`${"word ".repeat(400)}`)).toBe("word ".repeat(400));
  });
});
