/** Filters and sort order in the page's address, so that a view can be shared and reloaded. */

import { DEFAULT_SORT, GROUPS } from "./rows.js";
import { LIVE_STATUSES } from "./statuses.js";

const COLUMNS = ["status", "elapsed", "contact", "campaign", "agent", "direction", "started"];

/** Return the filter and sort order that a query asks for; nonsense is ignored. */
export function readQuery({ q = "", state = "", sort = "" }) {
  const statuses = state.split(",");
  const [column, way] = sort.split(":");
  return {
    filter: {
      text: q.slice(0, 200),
      statuses: LIVE_STATUSES.filter((status) => statuses.includes(status)),
    },
    sort: COLUMNS.includes(column) ? { column, descending: way === "desc" } : DEFAULT_SORT,
  };
}

/** Return by what a query asks to group, null for nothing. */
export function readGroup({ group }) {
  return GROUPS.includes(group) ? group : null;
}

/** Return what a filter adds to a query; null where nothing is asked for. */
export function filterQuery({ text, statuses }) {
  return { q: text || null, state: statuses.join(",") || null };
}

/** Return what a sort order adds to a query; the usual one is left out. */
export function sortQuery({ column, descending }) {
  const usual = column === DEFAULT_SORT.column && descending === DEFAULT_SORT.descending;
  return { sort: usual ? null : `${column}:${descending ? "desc" : "asc"}` };
}
