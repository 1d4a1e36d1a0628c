/** How the server is, in words: from `/api/system` and `/api/admin/cache-stats`. */

import { count, span, UNKNOWN } from "./format.js";

// Beyond these the alert rules of the same names take notice.
const STALE_S = 10;
const LAG_S = 30;

// A clock that is off by less is off by the length of a request.
const OFFSET_MIN_MS = 250;

const VIEW_WORDS = { live: "Live calls", campaign: "Campaigns", summary: "Today's figures" };
const TRANSPORTS = { websocket: "WebSocket", polling: "long polling" };

const TENTHS_BELOW_S = 10;

/** Return a short time: 0.4 s, 12 s, 3 min 20 s. */
export function briefly(seconds) {
  if (isUnknown(seconds)) return UNKNOWN;
  return seconds < TENTHS_BELOW_S ? `${Math.max(0, seconds).toFixed(1)} s` : span(seconds);
}

/** Return a time that somebody chose: 30 s, 10 min, 1 h; not 10 min 00 s. */
export function chosen(seconds) {
  return span(seconds).replace(/ 00 \w+$/, "");
}

/** Return one sentence about how old what is seen may be. */
export function stalenessSentence(boundS) {
  if (isUnknown(boundS)) return "Nobody can say how old what you see is.";
  return `What you see is at most ${briefly(boundS)} behind.`;
}

/** Return "bad" or "good" for a bound, null while it is not known. */
export function staleTone(boundS) {
  if (isUnknown(boundS)) return null;
  return boundS > STALE_S ? "bad" : "good";
}

/** Return each view's `{name, word, vouched, ageS, state, tone}`. */
export function viewRows(views) {
  return Object.entries(views ?? {}).map(([name, { vouched = null, ageS = null } = {}]) => ({
    name,
    word: Object.hasOwn(VIEW_WORDS, name) ? VIEW_WORDS[name] : name,
    vouched,
    ageS,
    ...vouchedWords(vouched),
  }));
}

function vouchedWords(vouched) {
  if (vouched === null) return { state: "unknown", tone: "idle" };
  return vouched
    ? { state: "vouched for", tone: "good" }
    : { state: "nobody vouches: read from MongoDB", tone: "warn" };
}

/** Return `{word, tone}` of an engine; `part` is `{up}`, or missing. */
export function engineWords(part) {
  const up = part?.up ?? null;
  if (up === null) return { up, word: UNKNOWN, tone: null };
  return up ? { up, word: "Answers", tone: "good" } : { up, word: "Down", tone: "bad" };
}

/** Return "bad" for a projector that lags, as the alert rule sees it. */
export function lagTone(lagS) {
  return lagS > LAG_S ? "bad" : null;
}

/** Return the clock of this machine against the server's, in words. */
export function offsetWords(offsetMs) {
  if (Math.abs(offsetMs) < OFFSET_MIN_MS) return "the same, within a quarter of a second";
  const length = briefly(Math.abs(offsetMs) / 1000);
  return offsetMs > 0 ? `${length} slow` : `${length} fast`;
}

/** Return the name of a socket's transport as people write it. */
export function transportWords(name) {
  if (!name) return UNKNOWN;
  return Object.hasOwn(TRANSPORTS, name) ? TRANSPORTS[name] : name;
}

/**
 * Return the keyspaces of `/api/admin/cache-stats`, those that are asked most first.
 *
 * `canForget`: a view is kept by the projector, and is not to be forgotten. `canWarm`: it is known
 * by which paths it is asked for.
 */
export function keyspaceRows(keyspaces) {
  return Object.entries(keyspaces ?? {})
    .map(([name, space]) => ({
      name,
      kind: space.kind,
      hits: space.hits,
      misses: space.misses,
      reads: space.hits + space.misses,
      ratio: space.ratio ?? null,
      keys: space.keys ?? null,
      ttlS: space.ttlS,
      warmer: space.warmer,
      canForget: space.kind === "cached",
      canWarm: space.kind === "cached" && /start|active campaigns/.test(space.warmer),
    }))
    .sort((one, other) => other.reads - one.reads || (one.name < other.name ? -1 : 1));
}

/** Return what came of forgetting, in a sentence. */
export function forgottenWords(name, { known }) {
  if (known) return `${name}: forgotten in every process.`;
  return `${name}: forgotten here; Redis is away, and is told when it is back.`;
}

/** Return what came of loading ahead, in a sentence. */
export function warmedWords(name, { paths, fresh, loaded, failed }) {
  const parts = [
    [loaded, "loaded"],
    [fresh, "already there"],
    [failed, "could not be loaded"],
  ];
  const told = parts.filter(([number]) => number > 0);
  if (paths.length === 0 || told.length === 0) return `${name}: there was nothing to load.`;
  return `${name}: ${told.map(([number, words]) => `${count(number)} ${words}`).join(", ")}.`;
}

/** Return a size in bytes as people read it: 812 B, 3.4 MiB. */
export function size(bytes) {
  if (isUnknown(bytes)) return UNKNOWN;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function isUnknown(value) {
  return value === null || value === undefined || Number.isNaN(value);
}
