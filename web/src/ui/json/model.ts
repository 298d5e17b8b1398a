/** A JSON value as the rows of a folding tree; flat, so that large documents stay smooth. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface JsonRow {
  path: string;
  depth: number;
  /** Null for the root and inside arrays the index as text. */
  key: string | null;
  inArray: boolean;
  kind: "leaf" | "open" | "folded" | "close";
  bracket: "{" | "[" | null;
  value: Json;
  size: number;
  last: boolean;
}

interface Frame {
  value: Json;
  key: string | null;
  inArray: boolean;
  path: string;
  depth: number;
  last: boolean;
  closing?: boolean;
}

export function parseJson(text: string): { ok: true; value: Json } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) as Json };
  } catch {
    return { ok: false };
  }
}

const isBranch = (value: Json): value is Json[] | { [key: string]: Json } => typeof value === "object" && value !== null;

function entries(value: Json[] | { [key: string]: Json }): [string, Json][] {
  return Array.isArray(value) ? value.map((item, index) => [String(index), item]) : Object.entries(value);
}

export function childPath(path: string, key: string): string {
  return `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

/** The visible rows; iterative, so that deep documents do not exhaust the stack. */
export function flatten(root: Json, isOpen: (path: string, depth: number, size: number) => boolean): JsonRow[] {
  const rows: JsonRow[] = [];
  const stack: Frame[] = [{ value: root, key: null, inArray: false, path: "", depth: 0, last: true }];
  for (let frame = stack.pop(); frame !== undefined; frame = stack.pop()) {
    const { value, key, inArray, path, depth, last } = frame;
    const base = { path, depth, key, inArray, value, last };
    if (!isBranch(value)) {
      rows.push({ ...base, kind: "leaf", bracket: null, size: 0 });
      continue;
    }
    const bracket = Array.isArray(value) ? "[" : "{";
    if (frame.closing === true) {
      rows.push({ ...base, kind: "close", bracket, size: 0 });
      continue;
    }
    const children = entries(value);
    const size = children.length;
    if (size === 0 || !isOpen(path, depth, size)) {
      rows.push({ ...base, kind: size === 0 ? "leaf" : "folded", bracket, size });
      continue;
    }
    rows.push({ ...base, kind: "open", bracket, size });
    stack.push({ ...frame, closing: true });
    for (let index = children.length - 1; index >= 0; index--) {
      const [name, child] = children[index] as [string, Json];
      stack.push({
        value: child,
        key: name,
        inArray: Array.isArray(value),
        path: childPath(path, name),
        depth: depth + 1,
        last: index === children.length - 1,
      });
    }
  }
  return rows;
}

/** Paths whose key or value holds the text, in document order, at most `limit`. */
export function findInJson(root: Json, text: string, limit = 1000): string[] {
  const wanted = text.toLowerCase();
  const found: string[] = [];
  if (wanted === "") return found;
  const stack: { value: Json; key: string; path: string }[] = [{ value: root, key: "", path: "" }];
  for (let frame = stack.pop(); frame !== undefined && found.length < limit; frame = stack.pop()) {
    const { value, key, path } = frame;
    const hit = key.toLowerCase().includes(wanted) || (!isBranch(value) && String(value).toLowerCase().includes(wanted));
    if (hit) found.push(path);
    if (!isBranch(value)) continue;
    const children = entries(value);
    for (let index = children.length - 1; index >= 0; index--) {
      const [name, child] = children[index] as [string, Json];
      stack.push({ value: child, key: name, path: childPath(path, name) });
    }
  }
  return found;
}

/** Every path above one. */
export function ancestors(path: string): string[] {
  const parts = path.split("/").slice(1);
  return parts.map((_part, index) => (index === 0 ? "" : `/${parts.slice(0, index).join("/")}`));
}

const DATA_URL = /^data:([\w.+-]+\/[\w.+-]+)?(;[\w=.+-]+)*;base64,/i;

/** Base64 payloads as a short description; null for any other text. */
export function describeBinary(text: string): string | null {
  const match = DATA_URL.exec(text);
  if (match !== null) return `${match[1] ?? "data"}, ${Math.round(((text.length - match[0].length) * 3) / 4).toLocaleString("en-US")} bytes in base64`;
  if (text.length > 512 && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return `${Math.round((text.length * 3) / 4).toLocaleString("en-US")} bytes in base64`;
  return null;
}

const EMBEDDED = /data:[\w.+-]+\/[\w.+-]+(?:;[\w=.+-]+)*;base64,[A-Za-z0-9+/_-]{64,}={0,2}|[A-Za-z0-9+/_-]{512,}={0,2}/g;

/** The text with each stretch of base64 in it as a short description. */
export function withoutBinary(text: string): string {
  return text.length <= 64 ? text : text.replace(EMBEDDED, (found) => `⟨${describeBinary(found) ?? found}⟩`);
}
