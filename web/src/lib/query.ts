/** Small pieces of the query language; whether a whole query can be read, the server says. */

/** Whether more has to follow before the query can be read, so that there is nothing to ask for yet. */
export function unfinished(query: string): boolean {
  const bare = query.replace(/"(?:[^"\\]|\\.)*"/g, "_");
  return /(?:[:<>=(]|(?:^|\s)(?:-|AND|OR|NOT))\s*$/.test(bare) || bare.includes('"') || bare.split("(").length > bare.split(")").length;
}

const BARE = /^[^\s()"*<>=][^\s()"*]*$/;

/** A value as a query writes it, in quotation marks where it needs them. */
export function written(value: string): string {
  return BARE.test(value) && !value.includes("..") && !["AND", "OR", "NOT"].includes(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;
}

/** A field as a query writes it, with the name behind its dot where it has one. */
export function named(field: string, name: string): string {
  return /^[^\s()":=<>!-][^\s()":=<>!]*$/.test(name) ? `${field}.${name}` : `${field}."${name.replace(/[\\"]/g, "\\$&")}"`;
}

/** The query with one more condition, once. */
export function withCondition(query: string | undefined, field: string, value: string): string {
  const condition = `${field}:${written(value)}`;
  const before = query?.trim() ?? "";
  if (before === "" || ` ${before} `.includes(` ${condition} `)) return before === "" ? condition : before;
  return `${/\sOR\s/.test(before) ? `(${before})` : before} ${condition}`;
}

/** The server counts characters, the browser halves of some. */
export const toCharacters = (text: string, at: number): number => Array.from(text.slice(0, at)).length;
export const fromCharacters = (text: string, at: number): number => Array.from(text).slice(0, at).join("").length;
