/** Which live calls are shown, and in which order: pure functions over committed calls. */

import { describe, heat, LIVE_STATUSES, rank } from "./statuses.js";

export const DEFAULT_SORT = { column: "elapsed", descending: true };

/** By what live calls can be grouped. */
export const GROUPS = ["campaign", "agent", "state"];

/** Return the instant from which a call's timer counts: answered, or else begun. */
export function countsFrom(call) {
  const text = (call.status === "in-progress" && call.answerTime) || call.startTime;
  return text ? Date.parse(text) : null;
}

/** Return the number of the other side: who was called, or who called. */
export function otherSide(call) {
  return call.direction === "inbound" ? call.from : call.to;
}

/** Return how many calls are in each live state. */
export function countByStatus(calls) {
  const counts = Object.fromEntries(LIVE_STATUSES.map((status) => [status, 0]));
  for (const call of calls) if (call.status in counts) counts[call.status] += 1;
  return counts;
}

/** Return the calls that match every word of `text` and one of `statuses` (empty: any). */
export function filterCalls(calls, { text, statuses }, campaignName) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0 && statuses.length === 0) return calls;
  return calls.filter(
    (call) =>
      (statuses.length === 0 || statuses.includes(call.status)) &&
      words.every((word) => searchable(call, campaignName).includes(word)),
  );
}

/** Tell whether a call needs a look: silent for too long, or going on for very long. */
export function isProblem(call, now) {
  const from = countsFrom(call);
  return Boolean(call.stale) || (from !== null && heat(call.status, now - from) === 2);
}

/**
 * Return calls in the order asked for; unknown values last, whichever the direction.
 *
 * In the usual order calls that need a look (at `now`, milliseconds) come first. Grouped `by`
 * something, whole groups follow each other and the order is that within a group.
 */
export function sortCalls(calls, sort, campaignName, { now = null, by = null } = {}) {
  const { column, descending } = sort;
  const keyOf = SORT_KEYS[column] ?? SORT_KEYS[DEFAULT_SORT.column];
  const pins = now !== null && isUsual(sort);
  const keyed = calls.map((call) => ({
    call,
    group: by && groupKey(call, by, campaignName),
    pin: pins && isProblem(call, now),
    key: keyOf(call, campaignName),
  }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.group !== b.group) return compared(a.group, b.group, 1);
    if (a.pin !== b.pin) return a.pin ? -1 : 1;
    if (a.key !== b.key) return compared(a.key, b.key, sign);
    return a.call.sid < b.call.sid ? -1 : 1;
  });
  return keyed.map(({ call }) => call);
}

/** Tell whether this is the order that nobody had to ask for. */
export function isUsual({ column, descending }) {
  return column === DEFAULT_SORT.column && descending === DEFAULT_SORT.descending;
}

function compared(a, b, sign) {
  if (a === null) return 1;
  if (b === null) return -1;
  return (a < b ? -1 : 1) * sign;
}

/** Return the name of a call's group, null where it belongs to none. */
export function groupName(call, by, campaignName) {
  if (by === "state") return describe(call.status).word;
  if (by === "agent") return call.agentName ?? call.agentId ?? null;
  return call.campaignId ? campaignName(call.campaignId) : null;
}

/**
 * Return rows with a head before each group: `{head: name, count, problems}`.
 *
 * `nameOf` tells a row's group; rows of a group follow each other.
 */
export function withHeads(rows, nameOf, isPinned) {
  const all = [];
  let head = null;
  for (const call of rows) {
    const name = nameOf(call);
    if (head === null || head.head !== name) {
      head = { head: name, count: 0, problems: 0 };
      all.push(head);
    }
    head.count += 1;
    if (isPinned(call)) head.problems += 1;
    all.push(call);
  }
  return all;
}

/** Return how many of the calls there are now are not among those shown. */
export function countNew(current, shown) {
  const known = new Set(shown.map((call) => call.sid));
  let found = 0;
  for (const sid of current.keys()) if (!known.has(sid)) found += 1;
  return found;
}

/**
 * Return the rows in a frozen order and how many calls wait to be let in.
 *
 * Nothing moves under a pointer: calls keep their places, ended ones leave, new ones wait.
 */
export function holdOrder(sorted, frozenSids) {
  const bySid = new Map(sorted.map((call) => [call.sid, call]));
  const rows = [];
  for (const sid of frozenSids) {
    const call = bySid.get(sid);
    if (call) rows.push(call);
  }
  return { rows, waiting: sorted.length - rows.length };
}

/** Return which rows of a scrolled list are in the DOM, and the room of those that are not. */
export function windowOf({ count, rowHeight, scrollTop, height, overscan = 8 }) {
  const firstSeen = Math.floor(scrollTop / rowHeight);
  const seen = Math.ceil(height / rowHeight) + 1;
  const first = Math.max(0, Math.min(firstSeen - overscan, count - seen));
  const last = Math.min(count, firstSeen + seen + overscan);
  return { first, last, before: first * rowHeight, after: (count - last) * rowHeight };
}

const SORT_KEYS = {
  status: (call) => rank(call.status),
  // Longest first means earliest first: negated, so that "descending" reads as people mean it.
  elapsed: (call) => negated(countsFrom(call)),
  contact: (call) => folded(call.contactName ?? otherSide(call)),
  campaign: (call, campaignName) => folded(call.campaignId && campaignName(call.campaignId)),
  agent: (call) => folded(call.agentName ?? call.agentId),
  direction: (call) => folded(call.direction),
  started: (call) => (call.startTime ? Date.parse(call.startTime) : null),
};

function groupKey(call, by, campaignName) {
  if (by === "state") return rank(call.status);
  const name = groupName(call, by, campaignName);
  // Two names that differ only in their capitals are two groups, next to each other.
  return name && `${folded(name)}\n${name}`;
}

function negated(value) {
  return value === null ? null : -value;
}

function folded(text) {
  return text ? text.toLowerCase() : null;
}

// A call's text is joined once and forgotten with the call: typing over 5,000 rows stays fluent.
const joined = new WeakMap();

function searchable(call, campaignName) {
  let text = joined.get(call);
  if (text === undefined) {
    const { contactName, from, to, agentName, sid, conversationId, contactId, direction } = call;
    const parts = [contactName, from, to, agentName, sid, conversationId, contactId, direction];
    text = parts.filter(Boolean).join("\n").toLowerCase();
    joined.set(call, text);
  }
  const name = call.campaignId ? `\n${campaignName(call.campaignId).toLowerCase()}` : "";
  return text + name;
}
