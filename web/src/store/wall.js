/** What a wall shows and when: its pages, and how they take turns. */

export const PAGES = ["figures", "campaigns", "hours"];

export const ROTATE_S = 20;

// Faster nobody can read it; slower than this is none.
const ROTATE_MIN_S = 5;
const ROTATE_MAX_S = 3600;

/** Return `{pages, rotate}` of a query: which pages in which order, seconds for each (0: stay). */
export function readWall({ pages = "", rotate }) {
  const asked = [...new Set(pages.split(","))].filter((name) => PAGES.includes(name));
  return { pages: asked.length ? asked : PAGES, rotate: seconds(rotate) };
}

/** Return what the query says of this choice; null for what is usual. */
export function wallQuery({ pages, rotate }) {
  const usual = pages.join() === PAGES.join();
  return {
    pages: usual ? null : pages.join(","),
    rotate: rotate === ROTATE_S ? null : String(rotate),
  };
}

/** Return the page of a moment: `steps` were taken by hand, the rest by the clock. */
export function pageAt({ pages, rotate }, shownMs, steps) {
  const turns = rotate > 0 ? Math.floor(shownMs / (rotate * 1000)) : 0;
  return pages[(turns + steps) % pages.length];
}

/** Return the pages with one taken in or out; the last one stays. */
export function withPage(pages, name) {
  if (!pages.includes(name)) return PAGES.filter((page) => page === name || pages.includes(page));
  return pages.length > 1 ? pages.filter((page) => page !== name) : pages;
}

function seconds(text) {
  const value = Number(text ?? ROTATE_S);
  if (!Number.isInteger(value) || value < 0 || value > ROTATE_MAX_S) return ROTATE_S;
  return value === 0 ? 0 : Math.max(ROTATE_MIN_S, value);
}
