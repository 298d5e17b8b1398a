/** Dashboards, and the figures that their charts ask for. */
import { queryOptions } from "@tanstack/react-query";
import { ApiError, call, type Query } from "./client";
import type { DashboardBody, DashboardView, FiguresTable, Problem, QueryField, SavedChart } from "./types";

export const dashboardsQuery = (project: string) =>
  queryOptions({
    queryKey: ["dashboards", project],
    queryFn: async ({ signal }) => (await call<{ items: DashboardView[] }>("/dashboards", { project, signal })).items,
    staleTime: 30_000,
  });

export const queryFieldsQuery = queryOptions({
  queryKey: ["query", "fields"],
  queryFn: async ({ signal }) => (await call<{ items: QueryField[] }>("/query/fields", { signal })).items,
  staleTime: Infinity,
});

interface Waiting {
  question: Query;
  resolve: (table: FiguresTable) => void;
  reject: (error: unknown) => void;
}

const waiting = new Map<string, Waiting[]>();

async function answer(project: string, from: string, to: string, asked: readonly Waiting[]): Promise<void> {
  try {
    const questions = asked.map((each) => each.question);
    const { items } = await call<{ items: { table: FiguresTable | null; problem: Problem | null }[] }>("/query/together", { method: "POST", project, body: { from, to, questions } });
    asked.forEach(({ resolve, reject }, index) => {
      const found = items[index];
      if (found?.table) resolve(found.table);
      else reject(found?.problem ? new ApiError(found.problem) : new Error("a question was not answered"));
    });
  } catch (error) {
    for (const { reject } of asked) reject(error);
  }
}

/** Figures; what is asked at the same moment about the same time goes to the server as one. */
export function figuresTogether(project: string, { from, to }: { from: string; to: string }, question: Query): Promise<FiguresTable> {
  const key = JSON.stringify([project, from, to]);
  return new Promise((resolve, reject) => {
    const before = waiting.get(key);
    if (before !== undefined) {
      before.push({ question, resolve, reject });
      return;
    }
    const asked = [{ question, resolve, reject }];
    waiting.set(key, asked);
    setTimeout(() => {
      waiting.delete(key);
      void answer(project, from, to, asked);
    });
  });
}

export const chartQuery = (project: string, chart: SavedChart, { from, to }: { from: Date; to: Date }, question: Query) =>
  queryOptions({
    queryKey: ["query", "chart", project, JSON.stringify(chart), from.getTime(), to.getTime()],
    queryFn: () => figuresTogether(project, { from: from.toISOString(), to: to.toISOString() }, question),
    // Of the same chart over another range, never of another chart.
    placeholderData: (before, query) => (query?.queryKey[3] === JSON.stringify(chart) ? before : undefined),
    staleTime: 10_000,
  });

export const createDashboard = (project: string, body: DashboardBody) => call<DashboardView>("/dashboards", { method: "POST", project, body });
export const putDashboard = (project: string, dashboard: DashboardView) =>
  call<DashboardView>(`/dashboards/${encodeURIComponent(dashboard.id)}`, {
    method: "PUT",
    project,
    body: { name: dashboard.name, description: dashboard.description, charts: dashboard.charts, version: dashboard.version },
  });
export const deleteDashboard = (project: string, id: string) => call<undefined>(`/dashboards/${encodeURIComponent(id)}`, { method: "DELETE", project });
