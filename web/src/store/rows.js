/** Which live calls are shown, and in which order: pure functions over committed calls. */

import { LIVE_STATUSES, rank } from "./statuses.js";

export const DEFAULT_SORT = { column: "elapsed", descending: true };

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

/** Return calls in the order asked for; unknown values last, whichever the direction. */
export function sortCalls(calls, { column, descending }, campaignName) {
  const keyOf = SORT_KEYS[column] ?? SORT_KEYS[DEFAULT_SORT.column];
  const keyed = calls.map((call) => ({ call, key: keyOf(call, campaignName) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => {
    if (a.key === b.key) return a.call.sid < b.call.sid ? -1 : 1;
    if (a.key === null) return 1;
    if (b.key === null) return -1;
    return (a.key < b.key ? -1 : 1) * sign;
  });
  return keyed.map(({ call }) => call);
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
