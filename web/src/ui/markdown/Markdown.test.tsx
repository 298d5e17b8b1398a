import { MantineProvider } from "@mantine/core";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { Markdown } from "./Markdown";

const render = (text: string) => {
  const html = renderToStaticMarkup(
    <MantineProvider>
      <Markdown text={text} />
    </MantineProvider>,
  );
  return html.slice(html.indexOf("<div"));
};

it("draws what Markdown means", () => {
  const html = render("# T\n\n**b** and `c`\n\n- one\n- two\n\n| a | b |\n|---|--:|\n| 1 | 2 |");
  expect(html).toContain("<strong>b</strong>");
  expect(html).toContain("<li>one</li>");
  expect(html).toContain('<td style="text-align:right">2</td>');
});

it.each([
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "![x](https://evil.example/p.gif)",
  "[x](javascript:alert(1))",
  "![x](data:image/svg+xml;base64,PHN2Zy8+)",
  "<https://evil.example>",
  "text <b onclick=alert(1)>inline</b>",
])("never makes an element that loads or runs: %s", (text) => {
  const html = render(text);
  expect(html).not.toMatch(/<(script|img|a|iframe|b)[\s>]/i);
});

it("shows pictures that are part of the text", () => {
  expect(render("![x](data:image/png;base64,iVBORw0KGgo=)")).toContain("<img");
});

it("keeps the text of odd input", () => {
  expect(render("a < b && c > d")).toContain("a &lt; b &amp;&amp; c &gt; d");
});
