import type { SpanDetail, TraceMedium } from "@/api/types";

export type Shape = "picture" | "sound" | "film" | "file";

/** Types that every browser shows in place; what it would run is only ever saved. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

export function shapeOf(contentType: string): Shape {
  if (PICTURES.has(contentType)) return "picture";
  if (contentType.startsWith("audio/")) return "sound";
  return contentType.startsWith("video/") ? "film" : "file";
}

/** The media of a span; what is of the trace as a whole stands beside its root. */
export function mediaOf(span: SpanDetail, media: readonly TraceMedium[]): TraceMedium[] {
  return media.filter((one) => one.span_id === span.span_id || (one.span_id === "" && span.parent_span_id === ""));
}

/** As which a medium is saved: its own name, or its id with the ending of its type. */
export function fileName({ id, name, content_type }: Pick<TraceMedium, "id" | "name" | "content_type">): string {
  if (name.includes(".")) return name;
  const ending = /^[a-z]+\/([a-z0-9]+)$/.exec(content_type)?.[1] ?? "bin";
  return `${name || id}.${ending}`;
}
