/** Why a call did not come about: its SIP code in words where it has one, else its status. */

import { hintOf } from "./sip.js";
import { describe } from "./statuses.js";

/** Ended without a conversation; a call of these has a cause. */
export const FAILED_STATUSES = ["failed", "busy", "no-answer", "canceled"];

const FAILED = new Set(FAILED_STATUSES);

/** Return whether a call did not get through. */
export function isFailed(call) {
  return FAILED.has(call.status);
}

/** Return the SIP code that ended a call by Twilio's word, null without it: lists ask for this. */
export function sipOf(call) {
  return call.twilio?.sipResponseCode ?? null;
}

/**
 * Return `{key, words, status, sip, asked}` of a call that did not get through, else null.
 * `asked` is what leads to the calls of the same cause, in a query of the address.
 *
 * What Twilio calls busy, unanswered or canceled is that, whatever the code: a phone that rings
 * out is hung up with 487 as one is that we canceled. A code only explains what just "failed".
 */
export function causeOf(call) {
  if (!isFailed(call)) return null;
  const { status } = call;
  const own = sipOf(call);
  const { reason, sipStatusCode } = call.elevenlabs?.failure ?? {};
  const sip = own ?? sipStatusCode ?? null;
  if (status !== "failed") {
    return { key: status, words: describe(status).word.toLowerCase(), status, sip, asked: { status } };
  }
  const words = (sip === null ? null : hintOf(sip)) ?? wordsOf(sip, reason);
  const asked = own === null ? { status } : { status, sip: String(own) };
  return { key: `failed:${sip ?? words}`, words, status, sip, asked };
}

/** Return the causes among calls, the most frequent first: `{key, words, status, sip, count}`. */
export function countCauses(calls) {
  const byKey = new Map();
  for (const call of calls) {
    const cause = causeOf(call);
    if (cause === null) continue;
    const held = byKey.get(cause.key);
    if (held === undefined) byKey.set(cause.key, { ...cause, count: 1 });
    else byKey.set(cause.key, { ...held, count: held.count + 1 });
  }
  return [...byKey.values()].sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1));
}

function wordsOf(sip, reason) {
  if (sip !== null) return `SIP ${sip}`;
  return reason && reason !== "unknown" ? reason.replaceAll(/[_-]+/g, " ") : "no reason given";
}
