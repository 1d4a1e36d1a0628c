import assert from "node:assert/strict";
import { test } from "node:test";

import { factsOf, phasesOf } from "../src/store/call_facts.js";
import { factWords, readTimeline, whoWords } from "../src/store/timeline.js";
import { aCall } from "./support.js";

const T0 = Date.parse("2026-11-24T10:00:00Z");

function at(seconds) {
  return new Date(T0 + seconds * 1000).toISOString();
}

function event(seconds, status, { receivedAt = seconds + 0.4, ...more } = {}) {
  return {
    at: at(seconds),
    receivedAt: at(receivedAt),
    vendor: "twilio",
    kind: "status",
    eventKey: `twilio:CA1:status:${status}`,
    deliveries: 1,
    said: { status, from: "+1", to: "+2" },
    problem: null,
    ...more,
  };
}

const TALKED = aCall({
  status: "completed",
  startTime: at(0),
  answerTime: at(10),
  endTime: at(50),
  duration: 40,
  twilio: { seen: { initiated: at(0), ringing: at(2), "in-progress": at(10), completed: at(50) } },
  elevenlabs: { conversation: { startTime: at(12), durationSecs: 38 } },
});

test("steps stand in order, with the time since the one before", () => {
  const steps = readTimeline([event(0, "initiated"), event(2, "ringing")], aCall());
  assert.deepEqual(steps.map(({ word, gapMs }) => [word, gapMs]), [["Dialing", null], ["Ringing", 2_000]]);
});

test("the conversation stands between the webhooks, where it was", () => {
  const events = [event(0, "initiated"), event(10, "in-progress"), event(50, "completed")];
  const words = readTimeline(events, TALKED).map(({ word }) => word);
  assert.deepEqual(words, ["Dialing", "Answered", "Conversation begins", "Conversation ends", "Completed"]);
});

test("what came after its follower is marked, and so is what came late", () => {
  const events = [event(0, "initiated"), event(2, "ringing", { receivedAt: 12 }), event(10, "in-progress")];
  const steps = readTimeline(events, aCall());
  assert.deepEqual(steps.map(({ isOutOfOrder }) => isOutOfOrder), [false, true, false]);
  assert.deepEqual(steps.map(({ lateMs }) => lateMs), [null, 10_000, null]);
});

test("problems and repeated deliveries are told", () => {
  const odd = event(0, "initiated", { problem: "'CallSid' is missing", deliveries: 3 });
  const [step] = readTimeline([odd], aCall());
  assert.equal(step.tone, "bad");
  assert.match(step.word, /Not understood/);
  assert.equal(step.deliveries, 3);
});

test("a call without webhooks is told by its own times", () => {
  const steps = readTimeline([], TALKED);
  assert.ok(steps.every(({ isDerived }) => isDerived));
  assert.deepEqual(
    steps.map(({ word }) => word),
    ["Dialing", "Ringing", "Answered", "Conversation begins", "Conversation ends", "Completed"],
  );
  assert.deepEqual(readTimeline([], aCall({ startTime: null })), []);
});

test("an unheard-of kind of webhook is shown by its name", () => {
  const [step] = readTimeline([event(0, "x", { kind: "new_thing", said: {} })], aCall());
  assert.equal(step.word, "New thing");
});

test("key facts are words", () => {
  const said = { status: "failed", sipResponseCode: 404, callDuration: 0 };
  assert.deepEqual(factWords(said).length, 1);
  assert.match(factWords(said)[0], /^SIP 404, /);
  assert.deepEqual(factWords({ status: "completed", callDuration: 40, answeredBy: "human", sipResponseCode: 200 }), [
    "talked 40 s",
    "answered by a person",
    "SIP 200",
  ]);
  const conversation = { durationSecs: 38, turns: 5, callSuccessful: "success", terminationReason: "done" };
  assert.equal(factWords({ conversation }).length, 4);
  assert.deepEqual(factWords({ failure: { reason: "unknown" } }), []);
  assert.equal(whoWords("machine_end_beep"), "a machine (end beep)");
});

test("a fact is said once", () => {
  const said = { status: "ringing", stirStatus: "A" };
  const steps = readTimeline(
    [event(0, "ringing", { said }), event(5, "in-progress", { said: { ...said, status: "in-progress" } })],
    aCall(),
  );
  assert.deepEqual(steps.map(({ facts }) => facts.length), [1, 0]);
});

test("lengths are seconds, and unknown where nobody told", () => {
  const { ringS, talkS, joinS } = factsOf(TALKED);
  assert.deepEqual({ ringS, talkS, joinS }, { ringS: 8, talkS: 40, joinS: 2 });
  const untold = factsOf(aCall({ status: "failed", endTime: at(0), twilio: {} }));
  assert.equal(untold.ringS, null);
  assert.equal(untold.joinS, null);
});

test("where only ElevenLabs spoke nobody knows how long the agent was waited for", () => {
  const conversation = { startTime: at(0), answerTime: at(0), durationSecs: 5 };
  const call = aCall({ status: "completed", answerTime: at(0), elevenlabs: { conversation } });
  assert.equal(factsOf(call).joinS, null);
});

test("phases follow each other; the conversation runs beside the talking", () => {
  const phases = phasesOf(TALKED, 0).map(({ name, from, to }) => [name, (from - T0) / 1000, (to - T0) / 1000]);
  assert.deepEqual(phases, [
    ["dialing", 0, 2],
    ["ringing", 2, 10],
    ["talking", 10, 50],
    ["conversation", 12, 50],
  ]);
});

test("what goes on lasts until now; without a ringing all before the answer is one wait", () => {
  const ringing = aCall({ status: "ringing", startTime: at(0), twilio: { seen: { ringing: at(3) } } });
  assert.deepEqual(phasesOf(ringing, T0 + 5_000).map(({ name, to }) => [name, to - T0]), [
    ["dialing", 3_000],
    ["ringing", 5_000],
  ]);
  const silent = aCall({ status: "in-progress", startTime: at(0), answerTime: at(4) });
  assert.deepEqual(phasesOf(silent, T0 + 9_000).map(({ name }) => name), ["waiting", "talking"]);
  assert.deepEqual(phasesOf(aCall({ status: "failed", endTime: null }), T0), []);
  assert.deepEqual(phasesOf(aCall({ status: "in-progress", startTime: at(0) }), T0 + 5_000), []);
});
