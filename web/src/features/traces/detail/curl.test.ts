import { expect, it } from "vitest";
import type { SpanDetail } from "@/api/types";
import { asCurl, canCurl, quote } from "./curl";

it("quotes for the shell", () => expect(quote("it's $HOME")).toBe(`'it'\\''s $HOME'`));

it("sends the recorded request again, without any key in it", () => {
  const span = { operation: "embeddings", input: '{"input":"a"}' } as SpanDetail;
  expect(canCurl(span)).toBe(true);
  expect(asCurl(span, "http://127.0.0.1:4000/")).toContain("curl http://127.0.0.1:4000/v1/embeddings");
  expect(asCurl(span, "x")).toContain("$PILOTHOUSE_KEY");
  expect(canCurl({ operation: "chat", input: "free text" } as SpanDetail)).toBe(false);
});

it("goes to the path that the call went to, in its own dialect", () => {
  const span = { operation: "chat", input: '{"messages":[]}', attributes: { "url.path": "/v1/messages" } } as unknown as SpanDetail;
  expect(asCurl(span, "http://g")).toContain("curl http://g/v1/messages ");
});

it("is not offered for forms with files", () => {
  const span = { operation: "transcription", input: '{"model":"m"}', attributes: { "url.path": "/v1/audio/transcriptions" } } as unknown as SpanDetail;
  expect(canCurl(span)).toBe(false);
});
