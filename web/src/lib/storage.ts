/** What this browser remembers; every read is checked and every failure is silent, as storage may be forbidden. */

const PREFIX = "pilothouse.";

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Full or forbidden storage costs a preference, nothing else.
  }
}

export function recall<T>(name: string, valid: (value: unknown) => value is T): T | null {
  try {
    const text = localStorage.getItem(PREFIX + name);
    const value: unknown = text === null ? null : JSON.parse(text);
    return valid(value) ? value : null;
  } catch {
    return null;
  }
}

export function isStringMap(value: unknown): value is Record<string, number> {
  return typeof value === "object" && value !== null && Object.values(value).every((item) => typeof item === "number");
}
