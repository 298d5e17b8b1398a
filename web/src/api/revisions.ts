/** Kept spans priced or mapped anew: types, reads and writes. */
import { queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type RevisionView = Schemas["RevisionView"];
export type RevisionBody = Schemas["RevisionBody"];
export type ModelChange = Schemas["ModelChange"];

const POLL_MS = 1_000;

/** Newest first; asked again and again while one of them is under way. */
export const revisionsQuery = (project: string) =>
  queryOptions({
    queryKey: ["revisions", project],
    queryFn: async ({ signal }) => (await call<{ items: RevisionView[] }>("/revisions", { project, signal, query: { limit: 20 } })).items,
    refetchInterval: (query) => (query.state.data?.some((one) => one.state === "waiting" || one.state === "running") === true ? POLL_MS : false),
  });

export const createRevision = (project: string, body: RevisionBody) => call<RevisionView>("/revisions", { method: "POST", project, body });
export const setRevision = (project: string, id: string, verb: "stop" | "resume") => call<RevisionView>(`/revisions/${encodeURIComponent(id)}/${verb}`, { method: "POST", project });
