import { useNavigate, useSearch } from "@tanstack/react-router";

type Search = Record<string, unknown>;

/** Which thing of a shelf is open and what is looked for, both in the address; opening another clears what was chosen of the last. */
export function useShelf(name: string, cleared: readonly string[]) {
  const navigate = useNavigate();
  const search: Search = useSearch({ strict: false });
  const asked = search[name];
  const go = (change: (before: Search) => Search) => void navigate({ to: ".", replace: true, search: change as never });
  const opening = (id: string) => (before: Search) => ({ ...before, ...Object.fromEntries(cleared.map((one) => [one, undefined])), [name]: id });
  return {
    asked: typeof asked === "string" ? asked : undefined,
    part: typeof search.find === "string" ? search.find : "",
    to: (id: string) => opening(id) as never,
    open: (id: string) => go(opening(id)),
    onPart: (find: string) => go((before) => ({ ...before, find: find === "" ? undefined : find })),
  };
}
