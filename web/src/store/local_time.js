/** Wall-clock times of a zone as instants, and back; the days of clock changes included. */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const WALL_CLOCK = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

const writers = new Map();

/** Return an instant as an `<input type="datetime-local">` has it: 2026-11-24T09:30. */
export function localText(ms, zone) {
  return wallClock(ms, zone).slice(0, 16);
}

/** Return the instant of a local time such as 2026-11-24T09:30; null for what is none. */
export function instantOf(text, zone) {
  const asUtc = WALL_CLOCK.test(text ?? "") ? Date.parse(`${text}Z`) : NaN;
  if (Number.isNaN(asUtc)) return null;
  // The offset is that of the instant looked for: what the first guess hits may be another's.
  const guess = asUtc - offsetAt(asUtc, zone);
  return asUtc - offsetAt(guess, zone);
}

/** Return when the local day of an instant began, or that of some days before it. */
export function dayStart(ms, zone, daysAgo = 0) {
  const today = Date.parse(wallClock(ms, zone).slice(0, 10));
  const day = new Date(today - daysAgo * DAY_MS).toISOString().slice(0, 10);
  return instantOf(`${day}T00:00`, zone);
}

function offsetAt(ms, zone) {
  const second = Math.floor(ms / 1000) * 1000;
  return Date.parse(`${wallClock(second, zone)}Z`) - second;
}

/** Return 2026-11-24T09:30:00; Swedes write times as ISO 8601 does, but for a blank. */
function wallClock(ms, zone) {
  let writer = writers.get(zone);
  if (writer === undefined) {
    const shape = { timeZone: zone, dateStyle: "short", timeStyle: "medium" };
    writer = new Intl.DateTimeFormat("sv-SE", shape);
    writers.set(zone, writer);
  }
  return writer.format(ms).replace(" ", "T");
}
