/** Figures and instants as people read them. What is unknown is a dash, never a zero. */

export const UNKNOWN = "—";

const SECOND_MS = 1000;
const MINUTE_S = 60;
const HOUR_S = 3600;

const numbers = new Intl.NumberFormat("en");

/** Return a count with its thousands set apart. */
export function count(value) {
  return value === null || value === undefined ? UNKNOWN : numbers.format(value);
}

/** Return a percentage with one decimal. */
export function percent(value) {
  return value === null || value === undefined ? UNKNOWN : `${value.toFixed(1)}%`;
}

/** Return a running timer: 0:07, 12:34, 1:02:03. */
export function timer(ms) {
  if (ms === null || Number.isNaN(ms)) return UNKNOWN;
  const total = Math.max(0, Math.floor(ms / SECOND_MS));
  const hours = Math.floor(total / HOUR_S);
  const minutes = Math.floor((total % HOUR_S) / MINUTE_S);
  const seconds = two(total % MINUTE_S);
  return hours ? `${hours}:${two(minutes)}:${seconds}` : `${minutes}:${seconds}`;
}

/** Return a finished duration in words: 48 s, 3 min 20 s, 1 h 05 min. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const total = Math.round(seconds);
  if (total < MINUTE_S) return `${total} s`;
  if (total < HOUR_S) return `${Math.floor(total / MINUTE_S)} min ${two(total % MINUTE_S)} s`;
  const minutes = two(Math.floor((total % HOUR_S) / MINUTE_S));
  return `${numbers.format(Math.floor(total / HOUR_S))} h ${minutes} min`;
}

/** Return how long ago something was: just now, 12 s ago, 3 min ago, 2 h ago. */
export function ago(ms) {
  const seconds = Math.max(0, Math.floor(ms / SECOND_MS));
  if (seconds < 2) return "just now";
  if (seconds < MINUTE_S) return `${seconds} s ago`;
  if (seconds < HOUR_S) return `${Math.floor(seconds / MINUTE_S)} min ago`;
  return `${Math.floor(seconds / HOUR_S)} h ago`;
}

/** Return a noun with its number: 1 call, 2 calls. */
export function plural(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** Return the formatters of wall-clock time in one zone; an unknown zone falls back to UTC. */
export function zoneClock(timezone) {
  const zone = knownZone(timezone);
  const shape = { timeZone: zone, hourCycle: "h23" };
  const time = new Intl.DateTimeFormat("en-GB", { ...shape, timeStyle: "medium" });
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
  const hour = new Intl.DateTimeFormat("en-GB", { ...shape, hour: "2-digit" });
  return {
    zone,
    time: (ms) => time.format(ms),
    hour: (ms) => Number(hour.format(ms)),
    /** A time of day; one of another day says which, so that 09:00 is never yesterday's. */
    moment: (ms, nowMs) => {
      const [then, now] = [day.format(ms), day.format(nowMs)];
      if (then === now) return time.format(ms);
      const date = then.slice(0, 4) === now.slice(0, 4) ? then.slice(5) : then;
      return `${date} ${time.format(ms).slice(0, 5)}`;
    },
  };
}

function knownZone(timezone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

function two(value) {
  return String(value).padStart(2, "0");
}
