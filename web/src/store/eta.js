/** When a campaign will be done, in words: from `/api/campaigns/{id}/forecast`. */

const BECAUSE = {
  too_few_calls: "no estimate before 20 calls have ended",
  paused: "paused",
  no_list: "no list of contacts, so no end",
  done: "every contact was called",
  no_progress: "no call has begun for a while",
};

const BINDING = {
  cps: "limited by calls per second",
  concurrency: "limited by lines at one time",
  rate: "at its recent pace",
  paused: "paused",
  list: "limited by its list",
};

/**
 * Return `{at, range, limit}` in words, or `{why}` when nothing can be foretold; null for no
 * forecast. `moment` writes an instant in milliseconds, with its date when it is not today's.
 */
export function etaWords(forecast, moment) {
  if (!forecast) return null;
  const { eta, because, binding } = forecast;
  if (!eta) return { why: BECAUSE[because] ?? "no estimate" };
  const [at, from, to] = [eta.p50, eta.p10, eta.p90].map((text) => short(moment(Date.parse(text))));
  return { at, range: `${from}–${to}`, limit: BINDING[binding] ?? null };
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Without seconds and year: nobody can foretell the one, or has to be told the other. */
function short(text) {
  return text
    .replace(/(\d{2}:\d{2}):\d{2}$/, "$1")
    .replace(/^\d{4}-(\d{2})-(\d{2}) /, (_, month, day) => `${Number(day)} ${MONTHS[month - 1]} `);
}
