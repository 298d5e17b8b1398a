export { MetricsPage } from "./MetricsPage";
