/** How far a scrolled element has gone and how much of it is in sight. */

import { signal, useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

// The same two heights as `--row-height` in the style sheet: rows are placed by arithmetic.
const ROW_HEIGHT = { wide: 36, narrow: 52 };

const narrow = globalThis.matchMedia?.("(max-width: 640px)");

export const rowHeight = signal(heightNow());

narrow?.addEventListener("change", () => (rowHeight.value = heightNow()));

export function useViewport() {
  const element = useRef(null);
  const scrollTop = useSignal(0);
  const height = useSignal(800);
  useLayoutEffect(() => {
    const box = element.current;
    const scrolled = () => (scrollTop.value = box.scrollTop);
    const observer = new ResizeObserver(() => (height.value = box.clientHeight));
    box.addEventListener("scroll", scrolled, { passive: true });
    observer.observe(box);
    return () => {
      box.removeEventListener("scroll", scrolled);
      observer.disconnect();
    };
  }, []);
  return { element, scrollTop, height };
}

/** How many columns of the live calls the style sheet shows. */
export function columnsShown() {
  return narrow?.matches ? 3 : 7;
}

function heightNow() {
  return narrow?.matches ? ROW_HEIGHT.narrow : ROW_HEIGHT.wide;
}
