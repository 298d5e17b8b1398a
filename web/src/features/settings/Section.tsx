import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { asApiError } from "@/api/client";
import { ErrorNote, ErrorState, Panel, partStyles, Skeleton } from "@/ui/parts";
import classes from "./settings.module.css";

interface Props<T> {
  title: string;
  lead: ReactNode;
  action: ReactNode;
  query: UseQueryResult<T[]>;
  columns: readonly string[];
  empty: ReactNode;
  /** Whether nothing in the rows takes the focus, so that the keyboard needs another way to scroll them. */
  still?: boolean;
  children: (items: T[]) => ReactNode;
}

/** A titled list with its loading, failed and empty states. */
export function Section<T>({ title, lead, action, query, columns, empty, still = false, children }: Props<T>) {
  return (
    <section aria-labelledby="section-title">
      <header className={classes.sectionHead}>
        <div>
          <h1 id="section-title">{title}</h1>
          <p>{lead}</p>
        </div>
        {action}
      </header>
      {query.isError && query.data !== undefined && <ErrorNote failure={asApiError(query.error)} kept="The list below is the last that was loaded." />}
      <Panel>
        {query.isError && query.data === undefined ? (
          <ErrorState failure={asApiError(query.error)} onRetry={() => void query.refetch()} />
        ) : query.data?.length === 0 ? (
          empty
        ) : (
          <div className={partStyles.tableWrap} {...(still ? { role: "region", "aria-label": title, tabIndex: 0 } : {})}>
            <table className={`${partStyles.table} ${classes.table}`}>
              <thead>
                <tr>
                  {columns.map((column) => (
                    <th key={column} scope="col">
                      {column === "" ? <span className="hidden-visually">Actions</span> : column}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>{query.data === undefined ? <Ghost columns={columns.length} /> : children(query.data)}</tbody>
            </table>
          </div>
        )}
      </Panel>
    </section>
  );
}

function Ghost({ columns }: { columns: number }) {
  return [0, 1, 2].map((row) => (
    <tr key={row} aria-hidden>
      {Array.from({ length: columns }, (_cell, index) => (
        <td key={index}>
          <Skeleton width={`${40 + ((row * 23 + index * 17) % 45)}%`} />
        </td>
      ))}
    </tr>
  ));
}
