// Prints what the first paint loads, gzip, and fails when it is over the budget.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 350;
const root = new URL("../../src/pilothouse/server/static/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", root), "utf8"));
const size = (file) => gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length / 1000;

const initial = new Set();
const visit = (key) => {
  const chunk = manifest[key];
  if (chunk === undefined || initial.has(chunk.file)) return;
  initial.add(chunk.file);
  for (const css of chunk.css ?? []) initial.add(css);
  for (const next of chunk.imports ?? []) visit(next);
};
for (const [key, chunk] of Object.entries(manifest)) if (chunk.isEntry) visit(key);

const rows = readdirSync(new URL("assets/", root))
  .filter((name) => /\.(js|css)$/.test(name))
  .map((name) => ({ name, kb: size(`assets/${name}`), first: initial.has(`assets/${name}`) }))
  .sort((a, b) => Number(b.first) - Number(a.first) || b.kb - a.kb);
for (const row of rows) console.log(`${row.first ? "initial" : "   lazy"}  ${row.kb.toFixed(1).padStart(7)} kB  ${row.name}`);
const total = rows.filter((row) => row.first).reduce((sum, row) => sum + row.kb, 0);
console.log(`initial ${total.toFixed(1)} kB gzip of ${BUDGET_KB} kB`);
if (total > BUDGET_KB) process.exit(1);
