/** Filters that a person keeps under a name, in this browser. */

const KEY = "callboard.views";
const VIEWS_MAX = 20;
const NAME_LENGTH_MAX = 40;
const QUERY_LENGTH_MAX = 1_000;

/** Return the kept views, `{name, query, range}`; what was tampered with is left out. */
export function readViews(storage) {
  try {
    const found = JSON.parse(storage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter(isView).slice(0, VIEWS_MAX) : [];
  } catch {
    return []; // no storage, or no JSON in it
  }
}

/** Return the views with one more, in the place of one of the same name; the oldest goes. */
export function withView(views, { name, query, range = null }) {
  const view = { name: name.trim().slice(0, NAME_LENGTH_MAX), query, range };
  if (!isView(view)) return views;
  const others = views.filter((other) => other.name !== view.name);
  return [...others, view].slice(-VIEWS_MAX);
}

/** Return the views without one. */
export function withoutView(views, name) {
  return views.filter((view) => view.name !== name);
}

/** Keep the views; answers false where the browser keeps nothing. */
export function writeViews(storage, views) {
  try {
    storage.setItem(KEY, JSON.stringify(views));
    return true;
  } catch {
    return false;
  }
}

function isView(view) {
  const { name, query, range } = view ?? {};
  return (
    typeof name === "string" &&
    name !== "" &&
    name.length <= NAME_LENGTH_MAX &&
    typeof query === "object" &&
    query !== null &&
    Object.values(query).every((value) => typeof value === "string") &&
    JSON.stringify(query).length <= QUERY_LENGTH_MAX &&
    (range === null || typeof range === "string")
  );
}
