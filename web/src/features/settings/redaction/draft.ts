import type { DetectorView, Policy } from "@/api/redaction";

export type Action = "mask" | "hash" | "off";
export type Part = NonNullable<Policy["off"]>[number];

export interface FieldLine {
  id: number;
  name: string;
  action: Action;
}

export interface PatternLine extends FieldLine {
  pattern: string;
}

export interface Draft {
  detectors: Record<string, Action>;
  fields: FieldLine[];
  patterns: PatternLine[];
  off: Part[];
  nextId: number;
}

export const ACTIONS: { value: Action; label: string }[] = [
  { value: "mask", label: "Mask" },
  { value: "hash", label: "Hash" },
  { value: "off", label: "Leave out" },
];

export const PARTS: { value: Part; label: string; hint: string }[] = [
  { value: "input", label: "Input", hint: "What models and tools are given" },
  { value: "output", label: "Output", hint: "What they answer" },
  { value: "metadata", label: "Metadata", hint: "The application's own labels" },
  { value: "attributes", label: "Attributes", hint: "Those of the application's own naming" },
  { value: "events", label: "Events", hint: "Moments within a span" },
  { value: "documents", label: "Documents", hint: "What retrieval found" },
];

export function draftOf(policy: Policy): Draft {
  const fields = (policy.fields ?? []).map((rule, id) => ({ id, name: rule.name, action: rule.action ?? "mask" }));
  const patterns = (policy.patterns ?? []).map((rule, place) => ({ id: fields.length + place, name: rule.name, pattern: rule.pattern, action: rule.action ?? "mask" }));
  return {
    detectors: Object.fromEntries((policy.detectors ?? []).map((rule) => [rule.detector, rule.action ?? "mask"])),
    fields,
    patterns,
    off: [...(policy.off ?? [])],
    nextId: fields.length + patterns.length,
  };
}

/** The policy that a draft says; lines that were left empty do not count. */
export function policyOf(draft: Draft, detectors: readonly DetectorView[]): Policy {
  return {
    detectors: detectors.flatMap(({ name }) => {
      const action = draft.detectors[name];
      return action === undefined ? [] : [{ detector: name, action }];
    }),
    fields: draft.fields.filter(({ name }) => name.trim() !== "").map(({ name, action }) => ({ name: name.trim(), action })),
    patterns: draft.patterns.filter(({ name, pattern }) => name.trim() !== "" || pattern !== "").map(({ name, pattern, action }) => ({ name: name.trim(), pattern, action })),
    off: PARTS.map(({ value }) => value).filter((value) => draft.off.includes(value)),
  };
}

export const samePolicy = (one: Policy, other: Policy, detectors: readonly DetectorView[]): boolean =>
  JSON.stringify(policyOf(draftOf(one), detectors)) === JSON.stringify(policyOf(draftOf(other), detectors));

/** What was found, most first, in the words of the page. */
export function foundIn(hits: Record<string, number>): string {
  return Object.entries(hits)
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([rule, count]) => `${rule.replace(/^(field|pattern|off)\./, "").replaceAll("_", " ")} × ${String(count)}`)
    .join(", ");
}

const SHORT = new Set(["jwt", "iban", "us", "ssn", "ip"]);

/** The name of a detector as a title: `us_ssn` is `US SSN`. */
export function titleOf(name: string): string {
  const words = name.split("_").map((word) => (SHORT.has(word) ? word.toUpperCase() : word));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
