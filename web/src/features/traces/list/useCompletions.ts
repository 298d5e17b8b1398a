import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { completionsQuery } from "@/api/queries";
import type { Completions } from "@/api/types";
import { useProject } from "@/api/useProject";
import { fromCharacters, toCharacters } from "@/lib/query";
import { useRange } from "@/lib/useRange";

export type Completed = Completions["items"][number];

interface Place {
  /** What is replaced, in the browser's count. */
  begin: number;
  end: number;
  items: Completed[];
}

/** What could stand at the cursor; nothing while the answer for another text or place is awaited. */
export function useCompletions(text: string, at: number, open: boolean): Place {
  const project = useProject();
  const range = useRange({ frozen: true });
  const [asked] = useDebouncedValue(`${at} ${text}`, 120);
  const current = asked === `${at} ${text}`;
  const { data } = useQuery({
    ...completionsQuery(project?.id ?? "", range, text, toCharacters(text, at)),
    enabled: open && current && project !== undefined,
  });
  if (data === undefined || !current) return { begin: at, end: at, items: [] };
  return { begin: fromCharacters(text, data.begin), end: fromCharacters(text, data.end), items: data.items };
}
