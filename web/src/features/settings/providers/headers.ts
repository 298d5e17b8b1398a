/** Lines of `name: value` as the API takes them; a line without a colon is a name without a value. */
export function readHeaders(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const name = (colon < 0 ? line : line.slice(0, colon)).trim();
    if (name !== "") found[name] = colon < 0 ? "" : line.slice(colon + 1).trim();
  }
  return found;
}

export function writeHeaders(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n");
}
