/** Filters and sort order in the page's address, so that a view can be shared and reloaded. */

import { DEFAULT_SORT } from "./rows.js";
import { LIVE_STATUSES } from "./statuses.js";

const COLUMNS = ["status", "elapsed", "contact", "campaign", "agent", "direction", "started"];

/** Return the filter and sort order that a query string asks for; nonsense is ignored. */
export function readQuery(search) {
  const given = new URLSearchParams(search);
  const statuses = (given.get("state") ?? "").split(",");
  const [column, way] = (given.get("sort") ?? "").split(":");
  return {
    filter: {
      text: (given.get("q") ?? "").slice(0, 200),
      statuses: LIVE_STATUSES.filter((status) => statuses.includes(status)),
    },
    sort: COLUMNS.includes(column) ? { column, descending: way === "desc" } : DEFAULT_SORT,
  };
}

/** Return the query string of a filter and sort order; the usual ones are left out. */
export function writeQuery({ text, statuses }, { column, descending }) {
  const given = new URLSearchParams();
  if (text) given.set("q", text);
  if (statuses.length > 0) given.set("state", statuses.join(","));
  const usual = column === DEFAULT_SORT.column && descending === DEFAULT_SORT.descending;
  if (!usual) given.set("sort", `${column}:${descending ? "desc" : "asc"}`);
  const written = given.toString();
  return written ? `?${written}` : "";
}
