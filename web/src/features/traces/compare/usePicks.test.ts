import { expect, it } from "vitest";
import { pick, type Picked } from "./usePicks";

const trace = (id: string): Picked => ({ trace_id: id, started_at: "2026-11-28T10:00:00Z", name: id });

it("keeps the latest two, each once, and takes one back", () => {
  let picked: readonly Picked[] = [];
  for (const id of ["a", "b", "c"]) picked = pick(picked, trace(id));
  expect(picked.map((each) => each.trace_id)).toEqual(["b", "c"]);
  expect(pick(picked, trace("b")).map((each) => each.trace_id)).toEqual(["c"]);
});
