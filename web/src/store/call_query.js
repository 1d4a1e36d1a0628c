/** Which calls the address asks for, as a filter, and what of it the server is asked. */

import { sipOf } from "./causes.js";
import { count, span } from "./format.js";
import { describe, sentence } from "./statuses.js";

/** A page of the list. */
export const PAGE_LENGTH = 100;

export const CALL_STATUSES = [
  "queued", "initiated", "ringing", "in-progress", "completed",
  "failed", "busy", "no-answer", "canceled", "unconfirmed",
];
export const OUTCOMES = [
  "human", "voicemail", "answered_unknown", "no_answer", "busy", "failed", "canceled", "unconfirmed",
];

const TEXT_LENGTH_MAX = 100;
const SECONDS_MAX = 7 * 24 * 3600;
// An instant without a zone means another time to whoever opens the link elsewhere.
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/;

/** Each key of the address: how it is read (null: nonsense) and what the server calls it. */
const KEYS = {
  status: { parameter: "status", read: readStatuses, write: (list) => list.join(",") },
  campaign: { parameter: "campaignId", read: readText },
  direction: { parameter: "direction", read: oneOf(["inbound", "outbound"]) },
  number: { parameter: "number", read: readText },
  conversation: { parameter: "conversationId", read: readText },
  outcome: { parameter: "outcome", read: oneOf(OUTCOMES) },
  sip: { parameter: "sipCode", read: readCode },
  min: { parameter: "minDuration", read: readSeconds },
  max: { parameter: "maxDuration", read: readSeconds },
  success: { parameter: "success", read: readTruth },
  since: { parameter: "since", read: readInstant },
  until: { parameter: "until", read: readInstant },
};

/** Everything: no filter at all. */
export const ALL_CALLS = Object.freeze({
  ...Object.fromEntries(Object.keys(KEYS).map((name) => [name, null])),
  status: Object.freeze([]),
});

/**
 * Return `{filter, ignored}` of an address' query: a filter has every key, null where nothing is
 * asked, `status` a list. `ignored` are `name=value` of what makes no sense.
 */
export function readCallQuery(query) {
  const filter = { ...ALL_CALLS };
  const ignored = [];
  for (const [name, text] of Object.entries(query)) {
    const value = Object.hasOwn(KEYS, name) ? KEYS[name].read(text) : null;
    if (value === null) ignored.push(`${name}=${text}`);
    else filter[name] = value;
  }
  const unknown = (query.status ?? "").split(",").filter((word) => word && !isStatus(word));
  if (unknown.length && filter.status.length) ignored.push(`status=${unknown.join(",")}`);
  for (const [from, to] of [["since", "until"], ["min", "max"]]) {
    if (filter[from] === null || filter[to] === null || filter[from] < filter[to]) continue;
    ignored.push(`${to}=${query[to]}`); // nothing lies between them
    filter[to] = null;
  }
  return { filter, ignored };
}

/** Return the address' query of a filter, every key; null where nothing is asked. */
export function callQuery(filter) {
  return Object.fromEntries(Object.keys(KEYS).map((name) => [name, written(name, filter)]));
}

/** Return what the server is asked, as the text of a query without its question mark. */
export function callParameters(filter, more = {}) {
  const given = new URLSearchParams();
  for (const [name, { parameter }] of Object.entries(KEYS)) {
    const value = written(name, filter);
    if (value !== null) given.set(parameter, value);
  }
  for (const [name, value] of Object.entries(more)) if (value !== null) given.set(name, value);
  return given.toString();
}

/** Return whether a call, as the board knows it, is one that the filter asks for. */
export function matches(call, filter) {
  const started = call.startTime ? Date.parse(call.startTime) : null;
  return (
    (filter.status.length === 0 || filter.status.includes(call.status)) &&
    isOr(filter.campaign, call.campaignId) &&
    isOr(filter.direction, call.direction) &&
    (filter.number === null || filter.number === call.from || filter.number === call.to) &&
    isOr(filter.conversation, call.conversationId) &&
    isOr(filter.outcome, call.outcome) &&
    isOr(filter.sip, sipOf(call)) &&
    isOr(filter.success, call.success) &&
    lasted(call, filter) &&
    (filter.since === null || (started !== null && started >= Date.parse(filter.since))) &&
    (filter.until === null || (started !== null && started < Date.parse(filter.until)))
  );
}

/** Return what a filter asks for, a chip each: `{name, words, without}`, a query's changes. */
export function filterWords(filter, { campaignName, moment }) {
  const words = {
    campaign: (id) => campaignName(id),
    direction: (way) => sentence(way),
    number: (number) => `Number ${number}`,
    conversation: (id) => `Conversation ${id}`,
    outcome: (outcome) => `Outcome: ${sentence(outcome).toLowerCase()}`,
    sip: (code) => `SIP ${code}`,
    min: (seconds) => `Talked ${span(seconds)} or longer`,
    max: (seconds) => `Talked less than ${span(seconds)}`,
    success: (met) => (met ? "Goal met" : "Goal missed"),
    since: (at) => `From ${moment(Date.parse(at))}`,
    until: (at) => `Before ${moment(Date.parse(at))}`,
  };
  const chips = filter.status.map((status) => ({
    name: `status-${status}`,
    words: describe(status).word,
    without: { status: toggled(filter.status, status).join(",") || null },
  }));
  for (const [name, wordsOf] of Object.entries(words)) {
    if (filter[name] === null) continue;
    chips.push({ name, words: wordsOf(filter[name]), without: { [name]: null } });
  }
  return chips;
}

/** Return the statuses with one more, or one less if it was among them; in their usual order. */
export function toggled(statuses, status) {
  const on = statuses.includes(status);
  return CALL_STATUSES.filter((name) => (name === status ? !on : statuses.includes(name)));
}

/** Return how many calls are shown, in words. */
export function shownWords(shown, hasMore) {
  const calls = `${count(shown)} ${shown === 1 ? "call" : "calls"}`;
  return hasMore ? `the latest ${calls}` : calls;
}

function written(name, filter) {
  const value = filter[name];
  if (value === null || value.length === 0) return null;
  return KEYS[name].write?.(value) ?? String(value);
}

function isOr(wanted, value) {
  return wanted === null || wanted === value;
}

/** The server compares the durations of completed calls alone. */
function lasted({ status, duration }, { min, max }) {
  if (min === null && max === null) return true;
  if (status !== "completed" || duration === null || duration === undefined) return false;
  return (min === null || duration >= min) && (max === null || duration < max);
}

function isStatus(word) {
  return CALL_STATUSES.includes(word);
}

function readStatuses(text) {
  const words = text.split(",");
  const found = CALL_STATUSES.filter((status) => words.includes(status));
  return found.length ? found : null;
}

function readText(text) {
  const bare = text.trim();
  return bare && bare.length <= TEXT_LENGTH_MAX ? bare : null;
}

function oneOf(words) {
  return (text) => (words.includes(text) ? text : null);
}

function readCode(text) {
  return /^[1-6]\d\d$/.test(text) ? Number(text) : null;
}

function readSeconds(text) {
  const seconds = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  return seconds <= SECONDS_MAX ? seconds : null;
}

function readTruth(text) {
  return text === "true" ? true : text === "false" ? false : null;
}

function readInstant(text) {
  const at = INSTANT.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : new Date(at).toISOString();
}
