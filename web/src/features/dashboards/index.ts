export { DashboardsPage } from "./DashboardsPage";
