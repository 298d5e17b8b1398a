import { expect, it } from "vitest";
import { LineSplitter } from "./sse";

const STREAM = ": ping\n\nevent: trace\ndata: {\"a\":\ndata: 1}\n\nevent: lagged\r\ndata: 3\r\n\r\ndata: ü\n\n";
const EVENTS = [
  { name: "trace", data: '{"a":\n1}' },
  { name: "lagged", data: "3" },
  { name: "message", data: "ü" },
];

it("finds the same events wherever the chunks are cut", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const splitter = new LineSplitter();
    const found = [];
    for (let at = 0; at < STREAM.length; at += size) found.push(...splitter.feed(STREAM.slice(at, at + size)));
    expect(found).toEqual(EVENTS);
  }
});
