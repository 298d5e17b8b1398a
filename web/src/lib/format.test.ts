import { describe, expect, it } from "vitest";
import { ago, bytes, cost, count, delta, duration, exactMoney, money, NONE, percent, rate, sentence, significant, tidy, UNPRICED } from "./format";

describe("significant", () => {
  it.each([
    [0, "0"],
    [1.236, "1.24"],
    [12.345, "12.3"],
    [123.4, "123"],
    [0.0042, "0.00420"],
    [999.6, "1000"],
  ])("%f is %s", (value, text) => expect(significant(value)).toBe(text));
});

describe("duration", () => {
  it.each([
    [0, "0 ms"],
    [0.42, "420 µs"],
    [1.5, "1.50 ms"],
    [842.4, "842 ms"],
    [999.4, "999 ms"],
    // Rounds up into the next unit, never to 1000 of the smaller one.
    [999.7, "1.00 s"],
    [1240, "1.24 s"],
    [59_960, "1.00 min"],
    [125_000, "2.08 min"],
    [7_200_000, "2.00 h"],
    [200_000_000, "2.31 d"],
  ])("%f ms is %s", (ms, text) => expect(duration(ms)).toBe(text));
  it("tells absent from zero", () => expect(duration(null)).toBe(NONE));
});

describe("count", () => {
  it.each([
    [0, "0"],
    [999, "999"],
    [999.6, "1.00k"],
    [1284, "1.28k"],
    [12_300, "12.3k"],
    [999_950, "1.00M"],
    [15_500_000, "15.5M"],
  ])("%f is %s", (value, text) => expect(count(value)).toBe(text));
});

describe("money", () => {
  it.each([
    ["0", "$0"],
    ["0E-9", "$0"],
    ["0.0042", "$0.0042"],
    ["0.000842317", "$0.000842"],
    ["0.5", "$0.50"],
    ["0.07", "$0.07"],
    ["0.999", "$1.00"],
    ["12.345", "$12.35"],
    ["1204.5", "$1.20k"],
    ["-3.5", "-$3.50"],
  ])("%s is %s", (amount, text) => expect(money(amount)).toBe(text));
  it("keeps every digit when exact", () => {
    expect(exactMoney("0.00000000000000000123")).toBe("$0.00000000000000000123");
    expect(exactMoney("1E-7")).toBe("$0.0000001");
    expect(exactMoney("123456789012345678.90")).toBe("$123456789012345678.9");
  });
  it("tells unpriced from nothing to price", () => {
    expect(cost(null, 2)).toBe(UNPRICED);
    expect(cost(null, 0)).toBe(NONE);
    expect(cost("0", 0)).toBe("$0");
  });
});

describe("others", () => {
  it("percent", () => {
    expect(percent(0)).toBe("0%");
    expect(percent(0.00001)).toBe("<0.01%");
    expect(percent(0.99999)).toBe(">99.99%");
    expect(percent(0.0209)).toBe("2.09%");
    expect(percent(0.426)).toBe("42.6%");
    expect(percent(1)).toBe("100%");
    expect(percent(null)).toBe(NONE);
  });
  it("rate and bytes", () => {
    expect(rate(52.31)).toBe("52.3 tok/s");
    expect(bytes(999)).toBe("999 B");
    expect(bytes(4120)).toBe("4.12 kB");
  });
  it("tidy takes only zeros that carry nothing", () => {
    expect(tidy("5.00 s")).toBe("5 s");
    expect(tidy("2.50 s")).toBe("2.5 s");
    expect(tidy("200 ms")).toBe("200 ms");
    expect(tidy("0 ms")).toBe("0");
    expect(tidy("10.0k")).toBe("10k");
  });
  it("delta compares only what can be compared", () => {
    expect(delta(120, 100)).toEqual({ text: "20%", direction: 1 });
    expect(delta(50, 100)).toEqual({ text: "50%", direction: -1 });
    expect(delta(5, 0)).toBeNull();
    expect(delta(null, 3)).toBeNull();
    expect(delta(3000, 100)?.text).toBe("30.0×");
  });
  it("ago is relative for a day", () => {
    const now = new Date("2026-11-25T12:00:00Z");
    const before = (ms: number) => ago(new Date(now.getTime() - ms), now);
    expect(before(1000)).toBe("just now");
    expect(before(42_000)).toBe("42 s ago");
    expect(before(3 * 60_000)).toBe("3 min ago");
    expect(before(5 * 3_600_000)).toBe("5 h ago");
    expect(before(3 * 86_400_000)).toMatch(/^Nov 2\d, /);
  });
});

it("makes sentences of messages", () => {
  expect(sentence("no such model")).toBe("No such model.");
  expect(sentence("Done.")).toBe("Done.");
});
