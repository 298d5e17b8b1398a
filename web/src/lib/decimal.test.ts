import { expect, it } from "vitest";
import { parseDecimal, plain, sum } from "./decimal";

it("adds amounts that floats would round", () => {
  expect(plain(sum(["0.1", "0.2"]))).toBe("0.3");
  expect(plain(sum(["99999999999999999999", "0.000000000001"]))).toBe("99999999999999999999.000000000001");
  expect(plain(sum(["1", "-3.50"]))).toBe("-2.5");
});

it("reads every form of a decimal and nothing else", () => {
  const read = (text: string) => {
    const value = parseDecimal(text);
    return value === null ? null : plain(value);
  };
  expect(read("0E-18")).toBe("0");
  expect(read("1.20E+3")).toBe("1200");
  expect(read("-.5")).toBe("-0.5");
  expect(read("")).toBeNull();
  expect(read("NaN")).toBeNull();
  expect(read("1,5")).toBeNull();
});
