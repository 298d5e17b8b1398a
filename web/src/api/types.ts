/** The API's own types under short names; generated, so that they cannot drift. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type AttemptDetail = Schemas["AttemptDetail"];
export type CallStats = Schemas["CallStats"];
export type CostStatus = Schemas["SpanDetail"]["cost_status"];
export type Facet = Schemas["Facet"];
export type Facets = Schemas["Facets"];
export type FieldError = Schemas["FieldError"];
export type KeyBody = Schemas["KeyBody"];
export type KeyCreated = Schemas["KeyCreated"];
export type KeyView = Schemas["KeyView"];
export type ModelStats = Schemas["ModelStats"];
export type ModelView = Schemas["ModelView"];
export type Overview = Schemas["Overview"];
export type Permission = KeyView["permissions"][number];
export type Problem = Schemas["Problem"];
export type ProjectView = Schemas["ProjectView"];
export type ProviderBody = Schemas["ProviderBody"];
export type ProviderDraft = Schemas["ProviderDraft"];
export type ProviderKindView = Schemas["ProviderKindView"];
export type ProviderPatch = Schemas["ProviderPatch"];
export type ProviderTest = Schemas["ProviderTest"];
export type ProviderView = Schemas["ProviderView"];
export type Quantiles = Schemas["Quantiles"];
export type RouteView = Schemas["RouteView"];
export type SessionView = Schemas["SessionView"];
export type SortField = "started_at" | "duration" | "ttft" | "tokens" | "cost";
export type SpanDetail = Schemas["SpanDetail"];
export type SpanKind = SpanDetail["kind"];
export type SpanStatus = SpanDetail["status"];
export type SystemView = Schemas["SystemView"];
export type TargetView = Schemas["TargetView"];
export type Trace = Schemas["Trace"];
export type TracePage = Schemas["TracePage"];
export type TraceSummary = Schemas["TraceSummary"];
export type Usage = Schemas["Usage"];
