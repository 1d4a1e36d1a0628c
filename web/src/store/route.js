/** Which screen an address names, and back: the path is the screen, the query its filters. */

const WITHOUT_ID = new Set(["live", "campaigns", "analytics", "calls", "alerts", "system", "wall"]);
const WITH_ID = { campaigns: "campaign", calls: "call" };
const PATHS = { campaign: "campaigns", call: "calls" };

/** Return `{screen, id, query}` of an address; `screen` is "lost" for one that is not ours. */
export function readRoute(pathname, search = "") {
  const query = Object.fromEntries(new URLSearchParams(search));
  const [first = "", second, ...rest] = pathname.split("/").filter(Boolean);
  if (first === "") return { screen: "now", id: null, query };
  if (second === undefined && WITHOUT_ID.has(first)) return { screen: first, id: null, query };
  if (second !== undefined && rest.length === 0 && Object.hasOwn(WITH_ID, first)) {
    return { screen: WITH_ID[first], id: decoded(second), query };
  }
  return { screen: "lost", id: null, query };
}

/** Return the address of a screen; empty and missing values are left out of its query. */
export function hrefOf(screen, { id = null, query = {} } = {}) {
  const path = screen === "now" ? "/" : `/${PATHS[screen] ?? screen}`;
  return `${id === null ? path : `${path}/${encodeURIComponent(id)}`}${queryText(query)}`;
}

/** Return a query as text, with its question mark when there is anything in it. */
export function queryText(query) {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") given.set(name, value);
  }
  const written = given.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return written ? `?${written}` : "";
}

/** Return what the server calls a screen when it learns which page follows which. */
export function pageName({ screen, id }) {
  if (screen === "now") return "dashboard";
  return id === null ? screen : `${screen}/${id}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
