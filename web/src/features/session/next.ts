/** Where to go after signing in: only a path of this UI, never another site. */
export function safeNext(wanted: string | undefined): string {
  return wanted !== undefined && /^\/(?![/\\])/.test(wanted) ? wanted : "/";
}
