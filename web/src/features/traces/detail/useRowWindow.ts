import { useLayoutEffect, useState, type RefObject } from "react";

const OVERSCAN = 6;
/** Rows come and go in such groups, so that not every pixel of scrolling draws anew. */
const GROUP = 8;

/** Which of the rows, all of one height, are drawn. It follows the box alone, so rows that are added are drawn at once. */
export function useRowWindow(box: RefObject<HTMLElement | null>, rowPx: number, count: number): { from: number; to: number } {
  const [range, setRange] = useState({ from: 0, to: 64 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = () => {
      const from = Math.max(0, Math.floor((element.scrollTop / rowPx - OVERSCAN) / GROUP) * GROUP);
      const to = Math.ceil(((element.scrollTop + element.clientHeight) / rowPx + OVERSCAN) / GROUP) * GROUP;
      setRange((before) => (before.from === from && before.to === to ? before : { from, to }));
    };
    look();
    element.addEventListener("scroll", look, { passive: true });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => {
      element.removeEventListener("scroll", look);
      observer.disconnect();
    };
  }, [box, rowPx]);
  return { from: Math.min(range.from, count), to: Math.min(range.to, count) };
}
