/** Exact decimal arithmetic on strings: money never goes through a float on its way to the reader. */

export interface Decimal {
  /** The digits without the point; the value is units / 10^scale. */
  units: bigint;
  scale: number;
}

const FORM = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** Returns null when the text is not a decimal number. */
export function parseDecimal(text: string): Decimal | null {
  const match = FORM.exec(text.trim());
  if (match === null) return null;
  const [, sign, whole = "", fraction = "", exponent = "0"] = match;
  if (whole === "" && fraction === "") return null;
  let units = BigInt(`${whole}${fraction}`);
  let scale = fraction.length - Number(exponent);
  if (scale < 0) {
    units *= 10n ** BigInt(-scale);
    scale = 0;
  }
  return { units: sign === "-" ? -units : units, scale };
}

/** Plain notation, without exponent and without trailing zeros after the point. */
export function plain({ units, scale }: Decimal): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = scale === 0 ? "" : digits.slice(digits.length - scale).replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

export function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: rescale(a, scale) + rescale(b, scale), scale };
}

/** The sum of decimal strings; what is not a number counts as nothing. */
export function sum(texts: Iterable<string>): Decimal {
  let total: Decimal = { units: 0n, scale: 0 };
  for (const text of texts) {
    const value = parseDecimal(text);
    if (value !== null) total = add(total, value);
  }
  return total;
}

/** A float near the value, for the lengths of bars and lines only. */
export function approximate(text: string | null | undefined): number {
  return text === null || text === undefined ? 0 : Number(text);
}

function rescale(value: Decimal, scale: number): bigint {
  return value.units * 10n ** BigInt(scale - value.scale);
}
