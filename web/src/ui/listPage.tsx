/** What pages that are one long list have in common. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import classes from "./listPage.module.css";
import { ErrorNote, ErrorState, type Failure } from "./parts";

export function ListPage({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={classes.page}>
      <h1 className="hidden-visually">{title}</h1>
      {children}
    </div>
  );
}

interface BodyProps {
  query: {
    data: unknown;
    isPlaceholderData: boolean;
    refetch: () => unknown;
    isFetchNextPageError: boolean;
    fetchNextPage: () => unknown;
  };
  /** Why the list could not be loaded; null when it could. */
  failure: Failure | null;
  /** What stands in the place of the list when nothing is in it. */
  none: ReactNode;
  children: ReactNode;
}

/** The list, or why there is none; after a failure the last that was loaded, with a note. */
export function ListBody({ query, failure, none, children }: BodyProps) {
  if (failure !== null && query.data === undefined) return <ErrorState failure={failure} onRetry={() => void query.refetch()} />;
  if (none !== null) return none;
  const again = query.isFetchNextPageError ? query.fetchNextPage : query.refetch;
  return (
    <>
      {failure !== null && (
        <div className={classes.note}>
          <ErrorNote failure={failure} kept="The list below is the last that was loaded.">
            <Button variant="default" size="xs" mt="xs" onClick={() => void again()}>
              Try again
            </Button>
          </ErrorNote>
        </div>
      )}
      <div className={classes.frame} data-old={query.isPlaceholderData || undefined}>
        {children}
      </div>
    </>
  );
}
