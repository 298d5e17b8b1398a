/** Prompts, datasets and experiments: what is read of them, and what is changed. */
import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type PromptView = Schemas["PromptView"];
export type PromptVersionView = Schemas["PromptVersionView"];
export type DatasetView = Schemas["DatasetView"];
export type DatasetItemView = Schemas["ItemView"];
export type DatasetVersionView = Schemas["VersionView"];
export type ExperimentView = Schemas["ExperimentView"];
export type ExperimentLinkView = Schemas["LinkView"];

interface Page<T> {
  items: T[];
  next_cursor?: string | null;
  total: number;
}

const PAGE_SIZE = 100;

function pages<T>(key: readonly unknown[], path: string, project: string, more: Record<string, string> = {}) {
  return infiniteQueryOptions({
    queryKey: key,
    queryFn: ({ signal, pageParam }) => call<Page<T>>(path, { project, signal, query: { ...more, limit: PAGE_SIZE, cursor: pageParam } }),
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}

export const promptsQuery = (project: string, part: string) => pages<PromptView>(["prompts", project, part], "/prompts", project, part === "" ? {} : { q: part });

export const promptQuery = (project: string, id: string) =>
  queryOptions({ queryKey: ["prompt", project, id], queryFn: ({ signal }) => call<PromptView>(`/prompts/${encodeURIComponent(id)}`, { project, signal }) });

export const promptVersionsQuery = (project: string, id: string) => pages<PromptVersionView>(["prompt", project, id, "versions"], `/prompts/${encodeURIComponent(id)}/versions`, project);

export const moveLabel = (project: string, id: string, label: string, version: number) =>
  call<PromptView>(`/prompts/${encodeURIComponent(id)}/labels/${encodeURIComponent(label)}`, { method: "PUT", project, body: { version } });

export const createPromptVersion = (project: string, body: { name: string; content: string | Record<string, unknown>[]; message: string; parent?: string }) =>
  call<PromptVersionView>("/prompts", { method: "POST", project, body });

export const datasetsQuery = (project: string, part: string) => pages<DatasetView>(["datasets", project, part], "/datasets", project, part === "" ? {} : { q: part });

export const datasetQuery = (project: string, id: string) =>
  queryOptions({ queryKey: ["dataset", project, id], queryFn: ({ signal }) => call<DatasetView>(`/datasets/${encodeURIComponent(id)}`, { project, signal }) });

export const datasetItemsQuery = (project: string, id: string, version: string) =>
  pages<DatasetItemView>(["dataset", project, id, "items", version], `/datasets/${encodeURIComponent(id)}/versions/${encodeURIComponent(version)}/items`, project);

export const datasetVersionsQuery = (project: string, id: string) => pages<DatasetVersionView>(["dataset", project, id, "versions"], `/datasets/${encodeURIComponent(id)}/versions`, project);

export const experimentsQuery = (project: string, dataset: string) => pages<ExperimentView>(["experiments", project, dataset], "/experiments", project, { dataset_id: dataset });

export const experimentItemsQuery = (project: string, id: string) => pages<ExperimentLinkView>(["experiment", project, id, "items"], `/experiments/${encodeURIComponent(id)}/items`, project);
