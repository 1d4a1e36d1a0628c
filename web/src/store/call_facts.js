/** What one call's document tells: when it rang and was answered, for how long, and its phases. */

import { isLive } from "./statuses.js";

/**
 * Return a call's times in milliseconds and its lengths in seconds; null for what nobody told.
 *
 * `ringS` lasts to the answer, or to the end of a call that nobody answered. `joinS` is how long
 * the callee waited for the agent: both vendors count whole seconds, so it may be one more.
 */
export function factsOf(call) {
  const conversation = call.elevenlabs?.conversation ?? {};
  const seen = call.twilio?.seen ?? {};
  const started = instant(call.startTime);
  const ringing = instant(seen.ringing);
  const answered = instant(call.answerTime);
  const ended = isLive(call.status) ? null : instant(call.endTime);
  const joined = instant(conversation.answerTime ?? conversation.startTime);
  const lasted = conversation.durationSecs ?? null;
  const left = instant(conversation.endTime) ?? (joined === null || lasted === null ? null : joined + lasted * 1000);
  return {
    queued: instant(seen.queued),
    started,
    ringing,
    answered,
    joined,
    left,
    ended,
    ringS: seconds(ringing, answered ?? ended),
    talkS: call.duration ?? seconds(answered, ended),
    joinS: seconds(answeredAtTwilio(call), joined),
  };
}

/**
 * Return the phases a call went through: `{name, from, to}` in milliseconds, in order.
 *
 * The conversation runs beside the talking. What still goes on lasts until `now`.
 */
export function phasesOf(call, now) {
  const { queued, started, ringing, answered, joined, left, ended } = factsOf(call);
  const over = ended ?? (isLive(call.status) ? now : null);
  // Answered, and nobody said when: how long it was waited for is unknown.
  const isTalk = call.status === "in-progress" || call.status === "completed";
  const rungTo = answered ?? (isTalk ? null : over);
  const phases = [
    { name: "queued", from: queued, to: started },
    // Nobody said when it rang: then all of it was one wait.
    { name: ringing === null ? "waiting" : "dialing", from: started, to: ringing ?? rungTo },
    { name: "ringing", from: ringing, to: rungTo },
    { name: "talking", from: answered, to: over },
    { name: "conversation", from: joined, to: left ?? over },
  ];
  return phases.filter(({ from, to }) => from !== null && to !== null && to > from);
}

/** Without Twilio's word the answer is the conversation's own beginning: nobody waited for it. */
function answeredAtTwilio({ twilio, answerTime }) {
  return instant(twilio?.seen?.["in-progress"] ?? (twilio ? answerTime : null));
}

function seconds(from, to) {
  return from === null || to === null ? null : Math.max(0, (to - from) / 1000);
}

function instant(text) {
  const at = text ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at;
}
