/** What narrows and sorts a list of sessions or users, as it stands in the URL. */
import type { ActivityQuery } from "@/api/queries";
import type { ActivityOrder } from "@/api/types";
import { text } from "@/lib/search";

const SORTS: readonly ActivityOrder[] = ["last", "cost", "traces"];

export function readFilter(search: Record<string, unknown>): ActivityQuery {
  return {
    text: text(search.text),
    userId: text(search.user_id),
    sort: SORTS.find((sort) => sort === search.sort) ?? "last",
    order: search.order === "asc" ? "asc" : "desc",
  };
}

/** As search parameters; what is not set is left out. */
export function writeFilter(filter: ActivityQuery): Record<string, unknown> {
  const byDefault = filter.sort === "last" && filter.order === "desc";
  return { text: filter.text, user_id: filter.userId, sort: byDefault ? undefined : filter.sort, order: byDefault ? undefined : filter.order };
}

/** Another column begins with its greatest; the same one is turned round. */
export function sortedBy(filter: ActivityQuery, sort: ActivityOrder): ActivityQuery {
  return { ...filter, sort, order: sort === filter.sort && filter.order === "desc" ? "asc" : "desc" };
}

export function narrowed(filter: ActivityQuery): boolean {
  return filter.text !== undefined || filter.userId !== undefined;
}
