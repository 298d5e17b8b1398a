import { describe, expect, it } from "vitest";
import { draftOf, foundIn, policyOf, samePolicy, titleOf } from "./draft";

const detectors = [
  { name: "jwt", about: "", sample: "" },
  { name: "email", about: "", sample: "" },
];

describe("a draft of a policy", () => {
  it("says the policy it was made of", () => {
    const policy = {
      detectors: [{ detector: "email", action: "hash" as const }],
      fields: [{ name: "password", action: "off" as const }],
      patterns: [{ name: "order", pattern: "ORD-[0-9]+", action: "mask" as const }],
      off: ["documents" as const],
    };
    expect(policyOf(draftOf(policy), detectors)).toEqual(policy);
  });

  it("takes defaults for what is not said", () => {
    expect(samePolicy({}, { detectors: [], off: [] }, detectors)).toBe(true);
    expect(samePolicy({}, { detectors: [{ detector: "jwt" }] }, detectors)).toBe(false);
  });

  it("leaves empty lines out, but not half a pattern", () => {
    const draft = draftOf({});
    draft.fields.push({ id: 1, name: "  ", action: "mask" });
    draft.patterns.push({ id: 2, name: "", pattern: "", action: "mask" }, { id: 3, name: "", pattern: "x", action: "mask" });
    expect(policyOf(draft, detectors)).toEqual({ detectors: [], fields: [], patterns: [{ name: "", pattern: "x", action: "mask" }], off: [] });
  });

  it("tells what was found, most first", () => {
    expect(foundIn({ "field.password": 1, credit_card: 2 })).toBe("credit card × 2, password × 1");
    expect(foundIn({})).toBe("");
  });
});

it("names detectors as people do", () => expect(["us_ssn", "credit_card", "ip_address"].map(titleOf)).toEqual(["US SSN", "Credit card", "IP address"]));
