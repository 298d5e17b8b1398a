export { TracesPage } from "./list/TracesPage";
export { TracePage } from "./detail/TracePage";
