export { advice, docsOf } from "./advice";
export { ErrorCodesPage } from "./ErrorCodesPage";
export { PricesGuidePage } from "./PricesGuidePage";
