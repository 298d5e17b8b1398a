/** Saved views of lists: read, kept, changed. */
import { queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type SavedView = Schemas["SavedViewView"];
export type ViewState = SavedView["state"];
export type ListName = SavedView["list"];
export type ViewDraft = Pick<SavedView, "list" | "name" | "state" | "shared">;

export const viewsQuery = (project: string) =>
  queryOptions({
    queryKey: ["views", project],
    queryFn: async ({ signal }) => (await call<Schemas["SavedViewList"]>("/views", { project, signal })).items,
    staleTime: 30_000,
  });

export const createView = (project: string, body: ViewDraft) => call<SavedView>("/views", { method: "POST", project, body });
export const putView = (project: string, id: string, body: ViewDraft & { version: number }) => call<SavedView>(`/views/${encodeURIComponent(id)}`, { method: "PUT", project, body });
export const deleteView = (project: string, id: string) => call<undefined>(`/views/${encodeURIComponent(id)}`, { method: "DELETE", project });
export const putFirstView = (project: string, list: ListName, id: string | null) => call<undefined>(`/views/first/${list}`, { method: "PUT", project, body: { view_id: id } });
