/** Copies text, also on plain-HTTP pages where the clipboard API is absent. Returns whether it worked. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    try {
      // Deprecated, and the only way on a page without a secure context.
      return document.execCommand("copy");
    } finally {
      area.remove();
    }
  }
}
