/** Redaction: a project's policy, and what one makes of a sample. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { call } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Policy = Schemas["Policy"];
export type RedactionView = Schemas["RedactionView"];
export type DetectorView = Schemas["DetectorView"];
export type Tried = Schemas["TryView"];

const path = (project: string) => `/projects/${encodeURIComponent(project)}/redaction`;

export const redactionQuery = (project: string) =>
  queryOptions({
    queryKey: ["redaction", project],
    queryFn: ({ signal }) => call<RedactionView>(path(project), { signal }),
  });

export const triedQuery = (project: string, text: string, policy: Policy) =>
  queryOptions({
    queryKey: ["redaction-try", project, text, policy],
    queryFn: ({ signal }) => call<Tried>(`${path(project)}/try`, { method: "POST", signal, body: { text, policy } }),
    placeholderData: keepPreviousData,
    retry: false,
  });

export const putRedaction = (project: string, version: number, policy: Policy) => call<RedactionView>(path(project), { method: "PUT", body: { version, policy } });
