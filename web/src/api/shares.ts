/** Share links, and what whoever has one may read. */
import { queryOptions } from "@tanstack/react-query";
import { call, send } from "./client";
import type { components } from "./schema";
import type { TraceSource } from "./trace";

type Schemas = components["schemas"];
export type ShareView = Schemas["ShareView"];
export type ShareCreated = Schemas["ShareCreated"];
export type SharedMedia = Schemas["SharedMedia"];
export type SharedView = Schemas["SharedView"];
export type SharedDashboard = Schemas["SharedDashboard"];
export type SharedFigures = Schemas["SharedFigures"];

const TOKEN_HEADER = "x-pilothouse-share";
/** The server keeps figures for half as long at least. */
const FIGURES_MS = 60_000;

export const sharesQuery = (project: string) =>
  queryOptions({ queryKey: ["shares", project], queryFn: async ({ signal }) => (await call<Schemas["ShareList"]>("/shares", { project, signal })).items });

export const sharingQuery = (project: string) =>
  queryOptions({ queryKey: ["shares", project, "policy"], queryFn: ({ signal }) => call<Schemas["SharingView"]>("/shares/policy", { project, signal }) });

/** A link to a trace, or to a dashboard over a time. */
export type ShareDraft =
  | { trace_id: string; at: string; bodies: boolean; expires_days: number }
  | { dashboard_id: string; range?: string; from?: string; to?: string; people: boolean; expires_days: number };

export const createShare = (project: string, body: ShareDraft) => call<ShareCreated>("/shares", { method: "POST", project, body });
export const revokeShare = (project: string, id: string) => call<ShareView>(`/shares/${encodeURIComponent(id)}`, { method: "DELETE", project });
export const putSharing = (project: string, allowed: boolean) => call<Schemas["SharingView"]>("/shares/policy", { method: "PUT", project, body: { allowed } });

const headers = (token: string) => ({ [TOKEN_HEADER]: token });

/** The pieces of a shared trace come from where those of any trace do, with the token in place of a session. */
export const sharedSource = (token: string): TraceSource => ({ key: `shared/${token}`, path: "/shared", headers: headers(token) });

export const sharedQuery = (token: string) =>
  queryOptions({
    queryKey: ["shared", token],
    queryFn: ({ signal }) => call<Schemas["SharedView"]>("/shared", { headers: headers(token), signal }),
    staleTime: Infinity,
  });

/** What a shared dashboard shows; one of the last hours or days moves on while it is looked at. */
export const sharedFiguresQuery = (token: string, moving: boolean) =>
  queryOptions({
    queryKey: ["shared", token, "figures"],
    queryFn: ({ signal }) => call<SharedFigures>("/shared/figures", { headers: headers(token), signal }),
    staleTime: FIGURES_MS,
    refetchInterval: moving ? FIGURES_MS : false,
  });

export const sharedMediaQuery = (token: string) =>
  queryOptions({
    queryKey: ["shared", token, "media"],
    queryFn: async ({ signal }) => (await call<Schemas["SharedMediaList"]>("/shared/media", { headers: headers(token), signal })).items,
    staleTime: Infinity,
  });

/** The body of one of the media, fetched with the link's token: an address that holds the token would be kept in histories. */
export async function sharedMedia(token: string, id: string, signal?: AbortSignal): Promise<Blob> {
  return (await send(`/shared/media/${encodeURIComponent(id)}`, { headers: headers(token), signal })).blob();
}

/** A picture as an address within the page, which holds as long as the page does. */
export const sharedPictureQuery = (token: string, id: string) =>
  queryOptions({
    queryKey: ["shared", token, "media", id],
    queryFn: async ({ signal }) => URL.createObjectURL(await sharedMedia(token, id, signal)),
    staleTime: Infinity,
    gcTime: Infinity,
  });
