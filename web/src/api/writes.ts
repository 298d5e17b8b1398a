/** Every change that the UI asks for. */
import { call, send } from "./client";
import type {
  BatchView,
  KeyBody,
  KeyCreated,
  ProjectView,
  ProviderBody,
  ProviderDraft,
  ProviderPatch,
  ProviderTest,
  ProviderView,
  RouteView,
  SessionView,
  TargetView,
} from "./types";

export const signIn = (body: { email: string; password: string }) => call<SessionView>("/session", { method: "POST", body });
export const signOut = () => call<undefined>("/session", { method: "DELETE" });
export const firstRun = (body: { token: string; email: string; name: string; password: string }) =>
  call<SessionView>("/session/first-run", { method: "POST", body });

export const createProject = (name: string) => call<ProjectView>("/projects", { method: "POST", body: { name } });
export const renameProject = (id: string, name: string) =>
  call<ProjectView>(`/projects/${encodeURIComponent(id)}`, { method: "PATCH", body: { name } });

export const createKey = (project: string, body: KeyBody) => call<KeyCreated>("/keys", { method: "POST", project, body });
export const revokeKey = (project: string, id: string) =>
  call<undefined>(`/keys/${encodeURIComponent(id)}`, { method: "DELETE", project });

export const cancelBatch = (project: string, id: string) => call<BatchView>(`/batches/${encodeURIComponent(id)}/cancel`, { method: "POST", project });

/** Hands one of a batch's files to the browser to be saved. */
export async function batchFile(project: string, id: string, which: "input" | "output" | "errors"): Promise<void> {
  const answer = await send(`/batches/${encodeURIComponent(id)}/files/${which}`, { project });
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = `${id}-${which}.jsonl`;
  link.click();
  URL.revokeObjectURL(url);
}

export const createProvider = (body: ProviderBody) => call<ProviderView>("/providers", { method: "POST", body });
export const updateProvider = (id: string, body: ProviderPatch) =>
  call<ProviderView>(`/providers/${encodeURIComponent(id)}`, { method: "PATCH", body });
export const deleteProvider = (id: string) => call<undefined>(`/providers/${encodeURIComponent(id)}`, { method: "DELETE" });
export const testProvider = (id: string) =>
  call<ProviderTest>(`/providers/${encodeURIComponent(id)}/test`, { method: "POST" });

export const putRoute = (name: string, targets: TargetView[]) =>
  call<RouteView>(`/routes/${encodeURIComponent(name)}`, { method: "PUT", body: { targets } });
export const deleteRoute = (id: string) => call<undefined>(`/routes/${encodeURIComponent(id)}`, { method: "DELETE" });

/** Tries an account that is not saved yet. */
export const testDraft = (body: ProviderDraft) => call<ProviderTest>("/providers/test", { method: "POST", body });
