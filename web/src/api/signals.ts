/** What applications send besides spans: metrics and log records. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type { Facet, LogFacets, LogRecordPage, LogView, MetricExemplars, MetricFigures, MetricList, MetricSummary } from "./types";

interface Span {
  from: Date;
  to: Date;
}

const times = ({ from, to }: Span) => ({ from: from.toISOString(), to: to.toISOString() });

export const metricsQuery = (project: string, span: Span) =>
  queryOptions({
    queryKey: ["metrics", project, span.from.getTime(), span.to.getTime()],
    queryFn: ({ signal }) => call<MetricList>("/metrics", { project, signal, query: times(span) }),
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

export type MetricName = Pick<MetricSummary, "name" | "kind" | "unit">;

export interface MetricSplit {
  /** Empty for one group. */
  groupBy: string;
  /** Names and values, as `attributes.model=gpt-4o`. */
  where: readonly string[];
  top: number;
}

export const metricFiguresQuery = (project: string, { name, kind, unit }: MetricName, split: MetricSplit, span: Span) =>
  queryOptions({
    queryKey: ["metrics", "figures", project, name, kind, unit, JSON.stringify(split), span.from.getTime(), span.to.getTime()],
    queryFn: ({ signal }) =>
      call<MetricFigures>("/metrics/figures", { project, signal, query: { name, kind, unit, group_by: split.groupBy === "" ? undefined : split.groupBy, where: split.where, top: split.top, ...times(span) } }),
    // Of the same metric over another range, never of another metric or split.
    placeholderData: (before, query) => (query?.queryKey.slice(2, 7).join("\n") === [project, name, kind, unit, JSON.stringify(split)].join("\n") ? before : undefined),
    staleTime: 10_000,
  });

export const metricExemplarsQuery = (project: string, { name, kind, unit }: MetricName, split: MetricSplit, span: Span) =>
  queryOptions({
    queryKey: ["metrics", "exemplars", project, name, kind, unit, split.groupBy, JSON.stringify(split.where), span.from.getTime(), span.to.getTime()],
    queryFn: ({ signal }) => call<MetricExemplars>("/metrics/exemplars", { project, signal, query: { name, kind, unit, group_by: split.groupBy === "" ? undefined : split.groupBy, where: split.where, ...times(span) } }),
    staleTime: 10_000,
  });

export const metricValuesQuery = (project: string, { name, kind, unit }: MetricName, attribute: string, span: Span) =>
  queryOptions({
    queryKey: ["metrics", "values", project, name, kind, unit, attribute, span.from.getTime(), span.to.getTime()],
    queryFn: async ({ signal }) => (await call<{ items: Facet[] }>("/metrics/values", { project, signal, query: { name, kind, unit, attribute, ...times(span) } })).items,
    staleTime: 30_000,
  });

export interface LogQuery {
  text?: string | undefined;
  minSeverity: number;
  services: readonly string[];
  names: readonly string[];
}

const LOG_PAGE_SIZE = 100;

const logParams = (filter: LogQuery) => ({ text: filter.text, min_severity: filter.minSeverity === 0 ? undefined : filter.minSeverity, service: filter.services, name: filter.names });

export const logsQuery = (project: string, span: Span, filter: LogQuery) =>
  infiniteQueryOptions({
    queryKey: ["logs", project, span.from.getTime(), span.to.getTime(), filter],
    queryFn: ({ signal, pageParam }) => call<LogRecordPage>("/logs", { project, signal, query: { ...logParams(filter), ...times(span), limit: LOG_PAGE_SIZE, cursor: pageParam } }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: 10_000,
  });

/** So many are asked for at once; where all of them are new, there may be more. */
export const MOST_NEWEST = 200;

/** The newest records from a time on; whoever follows asks again with an overlap, for they come in late. */
export async function newestLogs(project: string, from: Date, filter: LogQuery): Promise<LogView[]> {
  return (await call<LogRecordPage>("/logs", { project, query: { ...logParams(filter), from: from.toISOString(), limit: MOST_NEWEST } })).items;
}

export const logFacetsQuery = (project: string, span: Span) =>
  queryOptions({
    queryKey: ["logs", "facets", project, span.from.getTime(), span.to.getTime()],
    queryFn: ({ signal }) => call<LogFacets>("/logs/facets", { project, signal, query: times(span) }),
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
