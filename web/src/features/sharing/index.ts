export { ShareDashboard } from "./ShareDashboard";
export { ShareTrace } from "./ShareTrace";
