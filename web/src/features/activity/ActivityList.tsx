import { Button } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { useMemo, type ReactNode } from "react";
import { asApiError } from "@/api/client";
import type { ActivityQuery } from "@/api/queries";
import { ViewsMenu } from "@/features/views";
import { FilterRow, SearchField } from "@/ui/filters";
import { ListBody, ListPage } from "@/ui/listPage";
import { NoMatch } from "@/ui/teaching";
import { ActivityTable, type Column } from "./ActivityTable";
import { narrowed } from "./filter";
import type { useActivity } from "./useActivity";

interface Props<T> {
  title: string;
  /** What one item is called. */
  what: "session" | "user";
  query: UseInfiniteQueryResult<InfiniteData<{ items: T[] }>>;
  filter: ActivityQuery;
  state: Pick<ReturnType<typeof useActivity>, "project" | "change" | "sortBy" | "clear">;
  searched: { label: string; placeholder: string };
  columns: readonly Column<T>[];
  idOf: (item: T) => string;
  opened?: string | undefined;
  onOpen: (item: T) => void;
  /** In place of the list when there is nothing in the time range. */
  nobody: ReactNode;
  /** Further conditions beside the search. */
  children?: ReactNode;
  /** What is opened of the list, in a panel over it. */
  beside?: ReactNode;
}

/** A list of sessions or users: what narrows it, and the list, or why there is none. */
export function ActivityList<T>({ title, what, query, filter, state, searched, columns, idOf, opened, onOpen, nobody, children, beside }: Props<T>) {
  const { project, change, sortBy, clear } = state;
  const items = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const empty = query.isSuccess && items.length === 0 && !query.isPlaceholderData;
  const none = narrowed(filter) ? (
    <NoMatch title={`No ${what} fits`} onClear={clear}>
      <p>There may be one with another name or in a longer time range.</p>
    </NoMatch>
  ) : (
    nobody
  );
  return (
    <ListPage title={title}>
      <FilterRow
        search={<SearchField value={filter.text ?? ""} onChange={(text) => change({ text })} label={searched.label} placeholder={searched.placeholder} />}
        end={<ViewsMenu project={project?.id ?? ""} list={what === "session" ? "sessions" : "users"} />}
      >
        {children}
        {narrowed(filter) && (
          <Button variant="subtle" color="gray" size="compact-sm" onClick={clear}>
            Clear
          </Button>
        )}
      </FilterRow>
      <ListBody query={query} failure={query.isError ? asApiError(query.error) : null} none={empty ? none : null}>
        <ActivityTable label={title} items={items} columns={columns} idOf={idOf} filter={filter} onSort={sortBy} opened={opened} onOpen={onOpen} loading={query.isPending} more={query.hasNextPage ? () => void query.fetchNextPage() : undefined} busy={query.isFetchingNextPage} />
      </ListBody>
      {beside}
    </ListPage>
  );
}
