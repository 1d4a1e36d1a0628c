/** The webhooks of one call, both vendors', as one story with what it lacks and what came late. */

import { factsOf } from "./call_facts.js";
import { span } from "./format.js";
import { hintOf } from "./sip.js";
import { describe, sentence } from "./statuses.js";

// Twilio dates to the second, and a webhook is on its way for a moment.
const LATE_MS = 3_000;

const KINDS = {
  amd: { word: "Who answered", icon: "search" },
  recording: { word: "Recording is ready", icon: "sound" },
  initiation: { word: "Agent is asked to answer", icon: "inbound" },
  post_call_transcription: { word: "Conversation analysed", icon: "analytics" },
  post_call_audio: { word: "Audio of the conversation is ready", icon: "sound" },
  call_initiation_failure: { word: "The call could not be placed", icon: "failed", tone: "bad" },
};

/**
 * Return the steps of a call, oldest first:
 * `{key, at, gapMs, vendor, word, icon, tone, facts, said, deliveries, lateMs, isOutOfOrder,
 * receivedAt, problem, isDerived}`, instants in milliseconds.
 *
 * Between the webhooks stand the beginning and the end of the conversation, which the vendor
 * tells only afterwards. A call whose webhooks are no longer kept is told by its own times.
 */
export function readTimeline(events, call) {
  const told = events.map(stepOf);
  markDisorder(told);
  dropRepeated(told);
  const steps = withConversation(told.length ? told : ownSteps(call), call);
  return steps.map((step, at) => ({ ...step, gapMs: at ? step.at - steps[at - 1].at : null }));
}

/** Return a webhook's key facts in words, the most telling first. */
export function factWords(said) {
  const found = [];
  const add = (value, wordsOf) => {
    if (value !== null && value !== undefined && value !== "") found.push(wordsOf(value));
  };
  const { conversation, failure, audio, request } = said;
  if (said.status === "completed") add(said.callDuration, (s) => `talked ${span(s)}`);
  add(said.answeredBy, (who) => `answered by ${whoWords(who)}`);
  add(said.sipResponseCode, sipWords);
  add(said.status === "initiated" ? said.to : null, (to) => `${said.from ?? "?"} to ${to}`);
  add(said.machineDetectionMs, (ms) => `found out in ${(ms / 1000).toFixed(1)} s`);
  add(said.recordingDuration, (s) => `${span(s)} long`);
  add(said.stirStatus, (level) => `caller attested ${level} (STIR)`);
  add(said.parentCallSid, (sid) => `a leg of ${sid}`);
  if (conversation) addConversation(conversation, add);
  if (failure) {
    add(failure.reason === "unknown" ? null : failure.reason, (reason) => sentence(reason).toLowerCase());
    add(failure.sipStatusCode, sipWords);
    add(failure.error, (text) => text);
  }
  add(request?.from, (from) => `${from} to ${request.to ?? "?"}`);
  add(audio?.bytes, byteWords);
  return found;
}

/** Return what Twilio's answering machine detection found, in words. */
export function whoWords(answeredBy) {
  if (answeredBy === "human") return "a person";
  if (answeredBy === "fax") return "a fax";
  if (answeredBy === "unknown") return "nobody knows whom";
  const [, how = ""] = /^machine_?(.*)$/.exec(answeredBy) ?? [null, answeredBy];
  return how ? `a machine (${how.replaceAll("_", " ")})` : "a machine";
}

function addConversation(conversation, add) {
  add(conversation.durationSecs, (s) => `${span(s)} of conversation`);
  add(conversation.turns, (turns) => `${turns} turns`);
  add(conversation.callSuccessful, (verdict) => `evaluated: ${verdict}`);
  add(conversation.terminationReason, (reason) => `ended: ${reason}`);
  add(conversation.errorReason, (reason) => `error: ${reason}`);
}

function sipWords(code) {
  if (code === 200) return "SIP 200";
  const hint = hintOf(code);
  return hint ? `SIP ${code}, ${hint}` : `SIP ${code}`;
}

function byteWords(bytes) {
  return bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function stepOf(event) {
  const { vendor, kind, said, problem, deliveries, eventKey } = event;
  const at = Date.parse(event.at);
  const receivedAt = Date.parse(event.receivedAt);
  const late = receivedAt - at;
  return {
    key: eventKey,
    at,
    receivedAt,
    vendor,
    ...looks(kind, said, problem),
    facts: factWords(said),
    said,
    deliveries,
    lateMs: late >= LATE_MS ? late : null,
    isOutOfOrder: false,
    problem,
    isDerived: false,
  };
}

function looks(kind, said, problem) {
  if (problem) return { word: `Not understood: ${sentence(kind)}`, icon: "alert", tone: "bad" };
  if (kind === "status" && said.status) return statusLooks(said.status);
  const { word, icon, tone } = KINDS[kind] ?? { word: sentence(kind), icon: "unknown" };
  return { word, icon, tone: tone ?? "idle" };
}

function statusLooks(status) {
  const { word, icon, tone } = describe(status);
  return { word: status === "in-progress" ? "Answered" : word, icon, tone };
}

/** Each webhook says most of what the one before said; people are told what is new. */
function dropRepeated(steps) {
  const known = new Set();
  for (const step of steps) {
    step.facts = step.facts.filter((fact) => !known.has(fact));
    for (const fact of step.facts) known.add(fact);
  }
}

/** What came after something that happened later, came out of order. */
function markDisorder(steps) {
  let earliestAfter = Infinity;
  for (const step of [...steps].reverse()) {
    step.isOutOfOrder = step.receivedAt > earliestAfter;
    earliestAfter = Math.min(earliestAfter, step.receivedAt);
  }
}

/** In one second a call is answered, talked, and hung up, in this order. */
function withConversation(steps, call) {
  const { joined, left } = factsOf(call);
  const merged = [...steps];
  if (joined !== null) {
    const begins = derived("Conversation begins", "sound", "info", "elevenlabs", joined);
    merged.splice(merged.findLastIndex(({ at }) => at <= joined) + 1, 0, begins);
  }
  if (left !== null && left > joined) {
    const ends = derived("Conversation ends", "muted", "idle", "elevenlabs", left);
    merged.splice(merged.findLastIndex(({ at }) => at < left) + 1, 0, ends);
  }
  return merged;
}

function ownSteps(call) {
  const { started, ringing, answered, ended } = factsOf(call);
  const times = [
    ["initiated", started],
    ["ringing", ringing],
    ["in-progress", answered],
    [call.status, ended],
  ];
  return times
    .filter(([, at]) => at !== null)
    .map(([status, at]) => {
      const { word, icon, tone } = statusLooks(status);
      return derived(word, icon, tone, "twilio", at);
    });
}

function derived(word, icon, tone, vendor, at) {
  return {
    key: `${vendor}:${word}`,
    at,
    receivedAt: null,
    vendor,
    word,
    icon,
    tone,
    facts: [],
    said: null,
    deliveries: 0,
    lateMs: null,
    isOutOfOrder: false,
    problem: null,
    isDerived: true,
  };
}
