import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { text } from "@/lib/search";
import { recall } from "@/lib/storage";
import { projectsQuery } from "./queries";
import type { ProjectView } from "./types";

const isId = (value: unknown): value is string => typeof value === "string";

/** The project of the page: from the URL, else the last one used, else the first; undefined while loading. */
export function useProject(): ProjectView | undefined {
  const search: Record<string, unknown> = useSearch({ strict: false });
  const { data } = useQuery(projectsQuery);
  const wanted = text(search.project) ?? recall("project", isId);
  return data?.find((project) => project.id === wanted) ?? data?.[0];
}
