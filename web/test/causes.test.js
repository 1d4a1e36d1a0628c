import assert from "node:assert/strict";
import { test } from "node:test";

import { causeOf, countCauses } from "../src/store/causes.js";
import { costOf, costWords } from "../src/store/costs.js";
import { hintOf, meaningOf } from "../src/store/sip.js";
import { aCall } from "./support.js";

function ended(status, sip) {
  return aCall({ status, twilio: sip ? { sipResponseCode: sip } : {} });
}

test("SIP codes have a hint where they mean something to a caller", () => {
  assert.equal(hintOf(404), hintOf(604));
  for (const code of [404, 484, 480, 486, 600, 487, 403, 603, 607, 608, 408, 488, 500, 503]) {
    assert.ok(hintOf(code), String(code));
  }
});

test("a state says more than its code, but for what just failed", () => {
  assert.equal(meaningOf("failed", 404), hintOf(404));
  assert.equal(meaningOf("failed", null), null);
  assert.equal(meaningOf("no-answer", 487), meaningOf("no-answer", null));
  assert.notEqual(meaningOf("no-answer", 487), meaningOf("canceled", 487));
});

test("what got through has no cause", () => {
  assert.equal(causeOf(ended("completed", 200)), null);
  assert.equal(causeOf(ended("ringing")), null);
});

test("the status counts before the code: a call that rang out ends with 487 too", () => {
  const { words, sip, asked } = causeOf(ended("no-answer", 487));
  assert.deepEqual({ words, sip, asked }, { words: "no answer", sip: 487, asked: { status: "no-answer" } });
});

test("a failed call is explained by its code, by ElevenLabs, or by nobody", () => {
  assert.equal(causeOf(ended("failed", 404)).words, hintOf(404));
  assert.deepEqual(causeOf(ended("failed", 404)).asked, { status: "failed", sip: "404" });
  assert.equal(causeOf(ended("failed", 499)).words, "SIP 499");
  assert.equal(causeOf(ended("failed")).words, "no reason given");
  const refused = aCall({ status: "failed", elevenlabs: { failure: { reason: "invalid_number" } } });
  assert.equal(causeOf(refused).words, "invalid number");
});

test("a code that only ElevenLabs told explains, and is not asked for: lists know Twilio's", () => {
  const call = aCall({ status: "failed", elevenlabs: { failure: { sipStatusCode: 404 } } });
  assert.equal(causeOf(call).words, hintOf(404));
  assert.deepEqual(causeOf(call).asked, { status: "failed" });
});

test("causes are counted, the most frequent first", () => {
  const calls = [ended("busy", 486), ended("failed", 404), ended("busy", 487), ended("completed", 200)];
  const found = countCauses(calls).map(({ words, count }) => [words, count]);
  assert.deepEqual(found, [["busy", 2], [hintOf(404), 1]]);
  assert.deepEqual(countCauses([]), []);
});

test("a cost is a lower bound until both vendors have told theirs", () => {
  const call = aCall({
    conversationId: "conv_1",
    twilio: {},
    elevenlabs: { conversation: { cost: 281, costUsd: 0.0562, llmUsd: 0.004 } },
  });
  assert.equal(costWords(call), "≥ $0.0562");
  const priced = { ...call, twilio: { price: "-0.02800", priceUnit: "USD" } };
  assert.equal(costWords(priced), "$0.0842");
  assert.ok(costOf(priced).isWhole);
});

test("currencies are never added up, nor credits to money", () => {
  const elevenlabs = { conversation: { cost: 281, costUsd: 0.05 } };
  const call = aCall({ conversationId: "c", twilio: { price: "-0.02", priceUnit: "EUR" }, elevenlabs });
  assert.deepEqual(costOf(call).totals, [["EUR", 0.02], ["USD", 0.05]]);
  assert.equal(costWords(aCall({ cost: 12 })), "12 credits");
  assert.equal(costWords(aCall()), "—");
});
