/** Alerts as people look at them: what fires, what was, and where each leads. */

import { hrefOf } from "./route.js";

// Rules are judged every ten seconds: six looks that nobody made are no chance.
export const JUDGED_LATE_MS = 60_000;

// Over how long the rule of failures counts: the calls behind it began before it fired.
const FAILURES_WINDOW_MS = 15 * 60_000;

export const SEVERITIES = ["critical", "warning"];
export const STATES = ["firing", "clearing", "cleared"];

/** Which screen shows what a rule looks at; `at` is when it began to fire, in milliseconds. */
export const PLACES = {
  mongodb_down: () => ["System", "system"],
  redis_down: () => ["System", "system"],
  lag: () => ["System", "system"],
  staleness: () => ["System", "system"],
  drift: () => ["System", "system"],
  hit_ratio: () => ["System", "system"],
  signatures: () => ["System", "system"],
  silence: () => ["System", "system"],
  unseen: () => ["System", "system"],
  failures: (_label, at) => ["the failed calls", "calls", { query: failedSince(at) }],
  concurrency: () => ["the live calls", "live"],
  campaign_stalled: (label) => ["the campaign", "campaign", { id: label }],
};

/** Return `{word, href}` of where to look, null for a rule that nobody here knows. */
export function placeOf({ rule, label, since }) {
  if (!Object.hasOwn(PLACES, rule)) return null;
  const [word, screen, more] = PLACES[rule](label, Date.parse(since));
  // A campaign without its id is nowhere: then it is one of the list.
  if (screen === "campaign" && !label) return { word: "the campaigns", href: hrefOf("campaigns") };
  return { word, href: hrefOf(screen, more) };
}

function failedSince(at) {
  const since = Number.isNaN(at) ? null : new Date(at - FAILURES_WINDOW_MS).toISOString();
  return { status: "failed", since };
}

/** Return what a query asks for: rule, severity and state; nonsense is ignored. */
export function readAlertQuery({ rule = "", severity = "", state = "" }) {
  return {
    rule: /^[a-z_]{1,60}$/.test(rule) ? rule : null,
    severity: SEVERITIES.includes(severity) ? severity : null,
    state: STATES.includes(state) ? state : null,
  };
}

/** Return those that are asked for; each has `rule`, `severity` and `state`. */
export function askedFor(alerts, { rule, severity, state }) {
  return alerts.filter(
    (alert) =>
      (rule === null || alert.rule === rule) &&
      (severity === null || alert.severity === severity) &&
      (state === null || alert.state === state),
  );
}

/** Return what fires with its `state`: critical first, then the longest. */
export function firingFirst(firing) {
  return firing
    .map((alert) => ({ ...alert, state: alert.clearing ? "clearing" : "firing" }))
    .sort(
      (one, other) =>
        SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity) ||
        compare(one.since, other.since) ||
        compare(nameOf(one), nameOf(other)),
    );
}

/**
 * Fold what was told into one entry for each time that a rule fired, the newest first.
 *
 * `clearedAt` is null while it fires; `state` is null when it neither fires nor was cleared: the
 * rule was taken away meanwhile. `told` holds the messages of both kinds, in order.
 */
export function episodes(recent, firing) {
  const found = new Map();
  for (const event of [...recent].sort((one, other) => compare(one.at, other.at))) {
    const name = `${nameOf(event)}|${event.firedAt}`;
    const known = found.get(name) ?? { clearedAt: null, told: [], seen: event.seen };
    const told = { kind: event.kind, at: event.at, sent: event.sent };
    found.set(name, {
      ...known,
      ...pick(event),
      key: name,
      clearedAt: event.kind === "cleared" ? event.at : known.clearedAt,
      told: [...known.told, told],
    });
  }
  const now = new Map(firingFirst(firing).map((alert) => [`${nameOf(alert)}|${alert.since}`, alert]));
  return [...found.values()]
    .map((entry) => ({ ...entry, state: entry.clearedAt ? "cleared" : (now.get(entry.key)?.state ?? null) }))
    .sort((one, other) => compare(lastOf(other), lastOf(one)));
}

function pick({ rule, label, severity, title, firedAt }) {
  return { rule, label, severity, title, firedAt };
}

function lastOf({ clearedAt, firedAt }) {
  return clearedAt ?? firedAt;
}

/** Return how often each rule fired, by its name. */
export function timesFired(history) {
  const times = new Map();
  for (const { rule } of history) times.set(rule, (times.get(rule) ?? 0) + 1);
  return times;
}

/** Return for how many seconds an entry lasted, up to `nowMs` while it fires; null: not known. */
export function lastedS({ firedAt, clearedAt, state }, nowMs) {
  const end = clearedAt ? Date.parse(clearedAt) : state === null ? NaN : nowMs;
  const ms = end - Date.parse(firedAt);
  return Number.isNaN(ms) ? null : Math.max(0, ms / 1000);
}

/**
 * Tell when the rules were judged last: `{at, late}`, in milliseconds.
 *
 * Late by the answer's own time: an answer that grows old here says nothing of the server.
 */
export function judged({ judgedAt }, readAt) {
  const at = judgedAt ? Date.parse(judgedAt) : null;
  return { at, late: at === null || readAt - at > JUDGED_LATE_MS };
}

/** Return `{word, tone}` of telling one target. */
export function describeSent({ state, attempts }) {
  if (state === "sent") return { word: "sent", tone: "good" };
  const tries = attempts ? ` after ${attempts} ${attempts === 1 ? "try" : "tries"}` : "";
  if (state === "failed") return { word: `failed${tries}`, tone: "bad" };
  return { word: attempts ? `not sent yet${tries}` : "waiting", tone: "warn" };
}

function nameOf({ rule, label }) {
  return `${rule}|${label}`;
}

function compare(one, other) {
  return one < other ? -1 : one > other ? 1 : 0;
}
