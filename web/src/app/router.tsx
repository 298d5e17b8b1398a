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
const traces = createRoute({ getParentRoute: () => shell, path: "/traces", component: lazyRouteComponent(() => import("@/features/traces"), "TracesPage") });
const trace = createRoute({ getParentRoute: () => shell, path: "/traces/$traceId", component: lazyRouteComponent(() => import("@/features/traces"), "TracePage") });
/** Readable without signing in: an error of the sign-in page leads here too. */
const errorCodes = createRoute({ getParentRoute: () => root, path: "/docs/reference/errors", component: lazyRouteComponent(() => import("@/features/reference"), "ErrorCodesPage") });
const settings = createRoute({ getParentRoute: () => shell, path: "/settings", component: lazyRouteComponent(() => import("@/features/settings"), "SettingsLayout") });
const settingsIndex = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/settings/keys" as never });
  },
});
const section = (path: string, name: "ProjectsPage" | "KeysPage" | "ProvidersPage" | "RoutesPage") =>
  createRoute({ getParentRoute: () => settings, path, component: lazyRouteComponent(() => import("@/features/settings"), name) });

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    firstRun,
    errorCodes,
    shell.addChildren([
      overview,
      traces,
      trace,
      settings.addChildren([
        settingsIndex,
        section("keys", "KeysPage"),
        section("providers", "ProvidersPage"),
        section("routes", "RoutesPage"),
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
