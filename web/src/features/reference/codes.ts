/** The error codes as the documentation lists them. */
export interface CodeRow {
  code: string;
  status: string;
  title: string;
  actor: string;
  retry: string;
  meaning: string;
}

/** Reads the table of docs/reference/errors.md. */
export function readCodes(markdown: string): CodeRow[] {
  return markdown.split("\n").flatMap((line) => {
    const cells = line.split("|").map((cell) => cell.trim());
    const code = /`([a-z_]+)`$/.exec(cells[1] ?? "")?.[1];
    if (code === undefined || cells.length < 8) return [];
    const [, , status = "", title = "", actor = "", retry = "", meaning = ""] = cells;
    return [{ code, status, title, actor, retry, meaning }];
  });
}
