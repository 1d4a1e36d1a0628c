/** Where the calls behind a figure of a range are. */

import { addDays, dayBegins } from "../../store/days.js";
import { hrefOf } from "../../store/route.js";

/** Return the address of the calls of a range, narrowed further by `query`. */
export function callsOf({ wanted, zone }, query = {}) {
  return spanHref({ wanted, zone }, wanted.from, wanted.to, query);
}

/** The same for some days of the range. */
export function spanHref({ wanted, zone }, from, to, query = {}) {
  const since = dayBegins(from, zone);
  const until = dayBegins(addDays(to, 1), zone);
  return hrefOf("calls", { query: { campaign: wanted.campaign, since, until, ...query } });
}
