import { describe, expect, it } from "vitest";
import { asText, difference } from "./words";

describe("difference", () => {
  it("tells words that came, went and stayed", () => {
    expect(difference("Say hi to {{name}}.", "Say hello to {{name}}!")).toEqual([
      { text: "Say ", kind: "same" },
      { text: "hi", kind: "removed" },
      { text: "hello", kind: "added" },
      { text: " to {{name}}", kind: "same" },
      { text: ".", kind: "removed" },
      { text: "!", kind: "added" },
    ]);
  });

  it("says of equal texts that they are, and nothing of empty ones", () => {
    expect(difference("a b", "a b")).toEqual([{ text: "a b", kind: "same" }]);
    expect(difference("", "")).toEqual([]);
    expect(difference("", "a")).toEqual([{ text: "a", kind: "added" }]);
  });

  it("gives both texts back, also where they are long", () => {
    const before = Array.from({ length: 3000 }, (_, line) => `line ${line}\n`).join("");
    const after = before.replace("line 1500", "another");
    const pieces = difference(before, after);
    const of = (kind: string) => pieces.filter((piece) => piece.kind === "same" || piece.kind === kind).map((piece) => piece.text).join("");
    expect([of("removed"), of("added")]).toEqual([before, after]);
  });
});

describe("asText", () => {
  it("writes messages with their roles", () => {
    expect(asText([{ role: "system", content: "Be kind." }, { type: "placeholder", name: "history" }])).toBe("system\nBe kind.\n\n[history]");
  });
});
