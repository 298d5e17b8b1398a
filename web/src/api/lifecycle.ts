/** Exports, retention and deletions: their types, reads and writes. */
import { queryOptions } from "@tanstack/react-query";
import { basePath } from "@/lib/base";
import { call, type Query } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type ExportView = Schemas["ExportView"];
export type ExportBody = Schemas["ExportBody"];
export type RunView = NonNullable<ExportView["last_run"]>;
export type Retention = Schemas["Retention"];
export type RetentionView = Schemas["RetentionView"];
export type DeletionView = Schemas["DeletionView"];

const POLL_MS = 3_000;

export const exportsQuery = (project: string) =>
  queryOptions({
    queryKey: ["exports", project],
    queryFn: async ({ signal }) => (await call<{ items: ExportView[] }>("/exports", { project, signal })).items,
    refetchInterval: POLL_MS,
  });

export const retentionQuery = (project: string) =>
  queryOptions({
    queryKey: ["retention", project],
    queryFn: ({ signal }) => call<RetentionView>("/retention", { project, signal }),
  });

export const retentionPreviewQuery = (project: string, wanted: Retention) =>
  queryOptions({
    queryKey: ["retention-preview", project, wanted],
    queryFn: async ({ signal }) => (await call<{ removed: Record<string, number> }>("/retention/preview", { method: "POST", project, signal, body: wanted })).removed,
    enabled: Object.values(wanted).some((days) => days !== null),
    staleTime: 30_000,
  });

/** Receipts, newest first; asked again and again while one of them is not through. */
export const deletionsQuery = (project: string) =>
  queryOptions({
    queryKey: ["deletions", project],
    queryFn: async ({ signal }) => (await call<{ items: DeletionView[] }>("/deletions", { project, signal, query: { limit: 50 } })).items,
    refetchInterval: (query) => (query.state.data?.some((one) => one.state !== "done") === true ? POLL_MS : false),
  });

export const createExport = (project: string, body: ExportBody) => call<ExportView>("/exports", { method: "POST", project, body });
export const setExport = (project: string, id: string, verb: "stop" | "resume") =>
  call<ExportView>(`/exports/${encodeURIComponent(id)}/${verb}`, { method: "POST", project });
export const deleteExport = (project: string, id: string) => call<undefined>(`/exports/${encodeURIComponent(id)}`, { method: "DELETE", project });
export const putRetention = (project: string, body: Retention) => call<RetentionView>("/retention", { method: "PUT", project, body });
export const requestDeletion = (project: string, body: { user_id?: string; session_id?: string; trace_id?: string }) =>
  call<DeletionView>("/deletions", { method: "POST", project, body });

/** Where the browser downloads rows from by itself, without holding them. */
export function downloadAddress(project: string, query: Query): string {
  const wanted = new URLSearchParams({ project_id: project });
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) {
      if (one !== undefined && one !== null && one !== "") wanted.append(name, String(one));
    }
  }
  return `${basePath}api/v1/exports/stream?${wanted.toString()}`;
}
