/** Local days and their hours: dates of a zone, steps between dates, hours as instants. */

import { instantOf, localText } from "./local_time.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

// Every zone's clock is set in quarters of an hour; a day with its changes lies within this.
const STEP_MS = 15 * MINUTE_MS;
const BEFORE_MS = 3 * HOUR_MS;
const AFTER_MS = 30 * HOUR_MS;

const spansOf = new Map();
const SPANS_KEPT = 16;

/** Return the local date of an instant: 2026-11-24. */
export function dayOf(ms, zone) {
  return localText(ms, zone).slice(0, 10);
}

/** Return the date some days after another, before it when negative. */
export function addDays(day, days) {
  return new Date(Date.parse(day) + days * DAY_MS).toISOString().slice(0, 10);
}

/** Return a date's day of the week in words: Tuesday. */
export function weekday(day) {
  const words = new Intl.DateTimeFormat("en", { weekday: "long", timeZone: "UTC" });
  return words.format(Date.parse(day));
}

/**
 * Return the 24 hours of a local day as `{since, until}`, ISO instants; null for an hour that the
 * clocks leave out. An hour that comes twice is one span over both: figures count it as one.
 */
export function hourSpans(day, zone) {
  const name = `${day} ${zone}`;
  let spans = spansOf.get(name);
  if (spans === undefined) {
    spans = walked(day, zone);
    if (spansOf.size >= SPANS_KEPT) spansOf.clear();
    spansOf.set(name, spans);
  }
  return spans;
}

/** Return the instant at which a local day begins. */
export function dayBegins(day, zone) {
  return hourSpans(day, zone).find(Boolean).since;
}

// Walked rather than computed: midnight itself may be what the clocks leave out.
function walked(day, zone) {
  const ends = Array.from({ length: 24 }, () => null);
  const middle = instantOf(`${day}T00:00`, zone);
  for (let at = middle - BEFORE_MS; at < middle + AFTER_MS; at += STEP_MS) {
    const text = localText(at, zone);
    if (!text.startsWith(day)) continue;
    const hour = Number(text.slice(11, 13));
    ends[hour] = [ends[hour]?.[0] ?? at, at + STEP_MS];
  }
  return ends.map((span) => span && { since: iso(span[0]), until: iso(span[1]) });
}

function iso(ms) {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
