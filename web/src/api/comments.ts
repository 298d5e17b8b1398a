/** Comments: read, counted, written. */
import { queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type CommentView = Schemas["CommentView"];
export type CommentOn = CommentView["on"];
export type CommentPlace = Pick<CommentView, "on" | "subject_id" | "part_id">;

/** What is beside a trace: comments on itself and on its spans. */
export const IN_TRACE: readonly CommentOn[] = ["trace", "span"];

const POLL_MS = 5_000;
const PAGE_SIZE = 200;

/** All comments beside something and its parts, in order; asked again while somebody looks at them. */
export const commentsQuery = (project: string, on: readonly CommentOn[], subject: string, part = "") =>
  queryOptions({
    queryKey: ["comments", project, on.join(), subject, part],
    queryFn: async ({ signal }) => {
      const items: CommentView[] = [];
      let cursor: string | null | undefined = "";
      while (typeof cursor === "string") {
        const page: Schemas["CommentPage"] = await call("/comments", { project, signal, query: { on, subject_id: subject, part_id: part, limit: PAGE_SIZE, cursor } });
        items.push(...page.items);
        cursor = page.next_cursor;
      }
      return items;
    },
    enabled: project !== "" && subject !== "",
    refetchInterval: POLL_MS,
  });

/** How many comments each of some subjects has, with its parts. */
export const commentCountsQuery = (project: string, on: readonly CommentOn[], subjects: readonly string[]) =>
  queryOptions({
    queryKey: ["comments", project, "counts", on.join(), subjects],
    queryFn: async ({ signal }) => {
      const counts = new Map<string, number>();
      const { items } = await call<Schemas["CommentCounts"]>("/comments/counts", { project, signal, query: { on, subject_id: subjects } });
      for (const one of items) counts.set(one.subject_id, (counts.get(one.subject_id) ?? 0) + one.count);
      return counts;
    },
    enabled: project !== "" && subjects.length > 0,
    staleTime: POLL_MS,
    structuralSharing: false,
  });

export const createComment = (project: string, place: CommentPlace, text: string) => call<CommentView>("/comments", { method: "POST", project, body: { ...place, text } });
export const changeComment = (project: string, id: string, change: { text?: string; resolved?: boolean }) =>
  call<CommentView>(`/comments/${encodeURIComponent(id)}`, { method: "PATCH", project, body: change });
export const deleteComment = (project: string, id: string) => call<undefined>(`/comments/${encodeURIComponent(id)}`, { method: "DELETE", project });
