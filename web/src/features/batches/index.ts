export { BatchesPage } from "./BatchesPage";
