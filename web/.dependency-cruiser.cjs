/** Which folder may import which; every rule is an error. */
module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Modules that need each other are one module.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "features-by-their-front-door",
      comment: "Another feature is reached through its index.ts only.",
      severity: "error",
      from: { path: "^src/features/([^/]+)/" },
      to: { path: "^src/features/([^/]+)/(?!index\\.ts$)", pathNot: "^src/features/$1/" },
    },
    {
      name: "app-by-front-doors",
      comment: "The app puts features together through their index.ts.",
      severity: "error",
      from: { path: "^src/app/" },
      to: { path: "^src/features/[^/]+/(?!index\\.ts$)" },
    },
    {
      name: "features-know-no-app",
      severity: "error",
      from: { path: "^src/features/" },
      to: { path: "^src/app/" },
    },
    {
      name: "ui-has-no-domain",
      comment: "ui/ holds parts without domain words: it knows neither features, API nor app.",
      severity: "error",
      from: { path: "^src/ui/" },
      to: { path: "^src/(features|api|app)/" },
    },
    {
      name: "lib-is-the-floor",
      severity: "error",
      from: { path: "^src/lib/" },
      to: { path: "^src/(features|api|app|ui)/" },
    },
    {
      name: "api-knows-lib-only",
      severity: "error",
      from: { path: "^src/api/" },
      to: { path: "^src/(features|ui|app)/" },
    },
    {
      name: "charts-stay-lazy",
      comment: "ECharts is loaded when the first chart is drawn, never with the first paint.",
      severity: "error",
      from: { pathNot: "^src/ui/chart/" },
      to: { path: "node_modules/echarts" },
    },
    { name: "no-orphans", severity: "error", from: { orphan: true, pathNot: "(\\.d\\.ts|main\\.tsx|\\.test\\.tsx?)$" }, to: {} },
    {
      name: "no-dev-packages-in-the-product",
      severity: "error",
      from: { path: "^src/", pathNot: "\\.test\\.tsx?$" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "browser", "default", "types"] },
  },
};
