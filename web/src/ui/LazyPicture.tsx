import { useEffect, useRef, useState } from "react";

const NEAR = "400px";

/** The bytes of a `data:` address that holds base64; null when it holds something else. */
function bytesOf(url: string): Blob | null {
  const comma = url.indexOf(",");
  const head = /^data:([\w.+-]+\/[\w.+-]+)/.exec(url.slice(0, comma));
  try {
    const text = atob(url.slice(comma + 1));
    return new Blob([Uint8Array.from(text, (char) => char.charCodeAt(0))], { type: head?.[1] ?? "" });
  } catch {
    return null;
  }
}

/** A picture out of a `data:` address, drawn when it comes near the screen. Its megabytes of text never stand in the
 *  page, which would make every layout and every copy of the page carry them. */
export function LazyPicture({ url, alt, className }: { url: string; alt: string; className?: string | undefined }) {
  const host = useRef<HTMLImageElement>(null);
  const [near, setNear] = useState(false);
  const [address, setAddress] = useState<string | null>(null);
  useEffect(() => {
    const element = host.current;
    if (element === null || near) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setNear(true);
    }, { rootMargin: NEAR });
    observer.observe(element);
    return () => observer.disconnect();
  }, [near]);
  useEffect(() => {
    if (!near) return;
    let made = "";
    // After a frame, so that several large pictures do not hold up the page that they are part of.
    const frame = requestAnimationFrame(() => {
      const bytes = bytesOf(url);
      if (bytes === null) return;
      made = URL.createObjectURL(bytes);
      setAddress(made);
    });
    return () => {
      cancelAnimationFrame(frame);
      if (made !== "") URL.revokeObjectURL(made);
    };
  }, [near, url]);
  return (
    <img ref={host} className={className} src={address ?? undefined} alt={alt} decoding="async" style={address === null ? { minWidth: 40, minHeight: 120 } : undefined} />
  );
}
