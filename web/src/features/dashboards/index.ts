export { DashboardsPage } from "./DashboardsPage";
export { SharedBoard } from "./SharedBoard";
