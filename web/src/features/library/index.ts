export { DatasetsPage } from "./DatasetsPage";
export { PromptsPage } from "./PromptsPage";
