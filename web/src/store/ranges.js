/** Ranges of time that people ask for by name; the address holds the instants they mean now. */

import { dayStart, instantOf, localText } from "./local_time.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

// The last hour moves on while one looks at it: it is still called that for a while.
const HOUR_DRIFT_MS = 10 * MINUTE_MS;

export const RANGES = [
  { name: "hour", words: "Last hour" },
  { name: "morning", words: "This morning" },
  { name: "today", words: "Today" },
  { name: "yesterday", words: "Yesterday" },
  { name: "week", words: "7 days" },
];

/** Return `{since, until}` of a named range as ISO instants, null for an open end. */
export function rangeOf(name, now, zone) {
  const today = dayStart(now, zone);
  switch (name) {
    case "hour":
      return ends(Math.floor((now - HOUR_MS) / MINUTE_MS) * MINUTE_MS);
    case "morning":
      return ends(today, instantOf(`${localText(now, zone).slice(0, 10)}T12:00`, zone));
    case "today":
      return ends(today);
    case "yesterday":
      return ends(dayStart(now, zone, 1), today);
    case "week":
      return ends(dayStart(now, zone, 6));
    default:
      return ends();
  }
}

/** Return the name of the range that two instants are now, null when they are none. */
export function nameOfRange({ since, until }, now, zone) {
  if (since === null) return null;
  const found = RANGES.find(({ name }) => {
    const range = rangeOf(name, now, zone);
    if (range.until !== until) return false;
    const apart = Math.abs(Date.parse(range.since) - Date.parse(since));
    return apart <= (name === "hour" ? HOUR_DRIFT_MS : 0);
  });
  return found?.name ?? null;
}

function ends(since = null, until = null) {
  return { since: iso(since), until: iso(until) };
}

function iso(ms) {
  return ms === null ? null : new Date(ms).toISOString();
}
