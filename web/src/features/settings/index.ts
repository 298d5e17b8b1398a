export { KeysPage } from "./keys/KeysPage";
export { ProjectsPage } from "./ProjectsPage";
export { ProvidersPage } from "./providers/ProvidersPage";
export { RoutesPage } from "./routes/RoutesPage";
export { SettingsLayout } from "./SettingsLayout";
