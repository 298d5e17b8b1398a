import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect, retainSearchParams } from "@tanstack/react-router";
import { modelsQuery, sessionQuery } from "@/api/queries";
import { basePath } from "@/lib/base";
import { primeColours } from "@/lib/colour";
import { readRange, type RangeSearch } from "@/lib/range";
import { parseSearch, stringifySearch, text } from "@/lib/search";
import { queryClient } from "./client";
import { Missing, RouteFailure } from "./failures";
import { Shell } from "./shell/Shell";

/** Every page keeps what it does not know in the URL, and all share project and time range. */
interface SharedSearch extends RangeSearch {
  project?: string | undefined;
  [more: string]: unknown;
}

/** Models get their colours before the first chart is drawn; without the list they get them as they appear. */
async function primeModelColours(): Promise<void> {
  const models = await queryClient.ensureQueryData(modelsQuery).catch(() => []);
  primeColours(models.filter((model) => model.account !== "").map((model) => model.name.slice(model.account.length + 1)));
}

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing, errorComponent: RouteFailure });

const signIn = createRoute({ getParentRoute: () => root, path: "/sign-in", component: lazyRouteComponent(() => import("@/features/session"), "SignInPage") });
const firstRun = createRoute({ getParentRoute: () => root, path: "/first-run", component: lazyRouteComponent(() => import("@/features/session"), "FirstRunPage") });

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  validateSearch: (search: Record<string, unknown>): SharedSearch => ({ ...search, range: undefined, from: undefined, to: undefined, ...readRange(search), project: text(search.project) }),
  search: { middlewares: [retainSearchParams(["project", "range", "from", "to"])] },
  beforeLoad: async ({ location }) => {
    const session = await queryClient.ensureQueryData(sessionQuery);
    if (session.person === null) throw redirect({ to: "/sign-in", search: { next: location.href } as never });
    await primeModelColours();
  },
});

const overview = createRoute({ getParentRoute: () => shell, path: "/", component: lazyRouteComponent(() => import("@/features/overview"), "OverviewPage") });
const dashboards = createRoute({ getParentRoute: () => shell, path: "/dashboards", component: lazyRouteComponent(() => import("@/features/dashboards"), "DashboardsPage") });
const oneDashboard = createRoute({ getParentRoute: () => shell, path: "/dashboards/$dashboardId", component: lazyRouteComponent(() => import("@/features/dashboards"), "DashboardsPage") });
const traces = createRoute({ getParentRoute: () => shell, path: "/traces", component: lazyRouteComponent(() => import("@/features/traces"), "TracesPage") });
const trace = createRoute({ getParentRoute: () => shell, path: "/traces/$traceId", component: lazyRouteComponent(() => import("@/features/traces"), "TracePage") });
const compare = createRoute({ getParentRoute: () => shell, path: "/traces/compare", component: lazyRouteComponent(() => import("@/features/traces"), "ComparePage") });
const metrics = createRoute({ getParentRoute: () => shell, path: "/signals/metrics", component: lazyRouteComponent(() => import("@/features/metrics"), "MetricsPage") });
const logs = createRoute({ getParentRoute: () => shell, path: "/signals/logs", component: lazyRouteComponent(() => import("@/features/logs"), "LogsPage") });
const sessions = createRoute({ getParentRoute: () => shell, path: "/sessions", component: lazyRouteComponent(() => import("@/features/activity"), "SessionsPage") });
const oneSession = createRoute({ getParentRoute: () => shell, path: "/sessions/$sessionId", component: lazyRouteComponent(() => import("@/features/activity"), "SessionPage") });
const users = createRoute({ getParentRoute: () => shell, path: "/users", component: lazyRouteComponent(() => import("@/features/activity"), "UsersPage") });
/** Readable without signing in: an error of the sign-in page leads here too. */
const errorCodes = createRoute({ getParentRoute: () => root, path: "/docs/reference/errors", component: lazyRouteComponent(() => import("@/features/reference"), "ErrorCodesPage") });
const pricesGuide = createRoute({ getParentRoute: () => root, path: "/docs/guides/prices", component: lazyRouteComponent(() => import("@/features/reference"), "PricesGuidePage") });
/** For whoever has a share link; without a session, and without the way to anything else. */
const shared = createRoute({ getParentRoute: () => root, path: "/shared", component: lazyRouteComponent(() => import("@/features/shared"), "SharedPage") });
const batches = createRoute({ getParentRoute: () => shell, path: "/batches", component: lazyRouteComponent(() => import("@/features/batches"), "BatchesPage") });
const prompts = createRoute({ getParentRoute: () => shell, path: "/prompts", component: lazyRouteComponent(() => import("@/features/library"), "PromptsPage") });
const datasets = createRoute({ getParentRoute: () => shell, path: "/datasets", component: lazyRouteComponent(() => import("@/features/library"), "DatasetsPage") });
const settings = createRoute({ getParentRoute: () => shell, path: "/settings", component: lazyRouteComponent(() => import("@/features/settings"), "SettingsLayout") });
const settingsIndex = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/keys" as never });
  },
});
const section = (path: string, name: "DataPage" | "ExportsPage" | "IngestPage" | "ProjectsPage" | "KeysPage" | "ProvidersPage" | "RedactionPage" | "RoutesPage" | "SharesPage") =>
  createRoute({ getParentRoute: () => settings, path, component: lazyRouteComponent(() => import("@/features/settings"), name) });
const models = createRoute({ getParentRoute: () => settings, path: "models", component: lazyRouteComponent(() => import("@/features/models"), "ModelsPage") });

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    firstRun,
    errorCodes,
    pricesGuide,
    shared,
    shell.addChildren([
      overview,
      dashboards,
      oneDashboard,
      traces,
      trace,
      compare,
      metrics,
      logs,
      sessions,
      oneSession,
      users,
      prompts,
      datasets,
      batches,
      settings.addChildren([
        settingsIndex,
        section("keys", "KeysPage"),
        section("providers", "ProvidersPage"),
        section("routes", "RoutesPage"),
        models,
        section("ingest", "IngestPage"),
        section("exports", "ExportsPage"),
        section("data", "DataPage"),
        section("redaction", "RedactionPage"),
        section("shares", "SharesPage"),
        section("projects", "ProjectsPage"),
      ]),
    ]),
  ]),
  basepath: basePath,
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultErrorComponent: RouteFailure,
  defaultNotFoundComponent: Missing,
});
