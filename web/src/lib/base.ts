/** The prefix under which the server mounts the UI, from the page's <base>; ends with a slash. */
export const basePath: string =
  typeof document === "undefined" ? "/" : new URL(".", document.baseURI).pathname;

/** A whole address of this UI that can be sent to somebody. */
export function absolute(path: string): string {
  return new URL(path.replace(/^\//, ""), new URL(basePath, window.location.origin)).href;
}
