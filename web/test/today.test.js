/** Today's hours beside earlier days', what a period cost, when a campaign ends. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { etaWords } from "../src/store/eta.js";
import {
  amountsWords, comparedWords, costOfPeriod, hourColumns, humanShares, sameTime,
} from "../src/store/today.js";

const day = (...hours) => [...hours, ...Array(24 - hours.length).fill(0)];

test("hours to come have no value, days nobody knows no ghosts", () => {
  const columns = hourColumns({
    byHour: day(3, 1),
    earlier: [day(5, 6, 7), null],
    spans: Array(24).fill(null),
    hourNow: 1,
  });
  assert.deepEqual(columns.slice(0, 3), [
    { hour: 0, value: 3, ghosts: [5, null], span: null, isNow: false },
    { hour: 1, value: 1, ghosts: [6, null], span: null, isNow: true },
    { hour: 2, value: null, ghosts: [7, null], span: null, isNow: false },
  ]);
});

test("only full hours are compared", () => {
  assert.deepEqual(sameTime(day(3, 9, 1), day(2, 8, 90), 2), { now: 12, then: 10 });
  assert.equal(sameTime(day(3), day(2), 0), null);
  assert.equal(sameTime(day(3), null, 2), null);
  assert.equal(sameTime(day(0, 0, 5), day(0, 0, 4), 2), null);
});

test("a comparison says by how much, and up to when", () => {
  const words = (now, then) => comparedWords({ now, then }, "yesterday", 9);
  assert.equal(words(12, 10), "20.0% more than yesterday by 09:00 (12 against 10)");
  assert.equal(words(9, 10), "10.0% fewer than yesterday by 09:00 (9 against 10)");
  assert.equal(words(10, 10), "as many as yesterday by 09:00 (10 against 10)");
  assert.equal(words(1, 0), "1 call more than yesterday by 09:00 (1 against 0)");
});

test("an hour without attempts has no share of humans", () => {
  assert.deepEqual(humanShares([1, 0, 0], [4, 2, 0]), [25, 0, null]);
  assert.equal(humanShares(undefined, [1]), null);
});

test("money of one currency is one amount, currencies and credits stay apart", () => {
  const cost = { twilio: { USD: 1.5, EUR: 2 }, elevenlabs: { credits: 900, USD: 0.25 } };
  const found = costOfPeriod(cost);
  assert.deepEqual(found, { amounts: [["EUR", 2], ["USD", 1.75]], credits: 900 });
  assert.equal(amountsWords(found.amounts), "€2.00 + $1.75");
  assert.equal(amountsWords(found.amounts, 100), "€0.02 + $0.0175");
});

test("a cost that nobody has told is unknown, not nothing", () => {
  assert.equal(costOfPeriod({ twilio: {}, elevenlabs: {} }), null);
  assert.equal(costOfPeriod(undefined), null);
  assert.equal(amountsWords([]), null);
  assert.equal(amountsWords([["USD", 1]], 0), null);
  assert.deepEqual(costOfPeriod({ elevenlabs: { credits: 5 } }), { amounts: [], credits: 5 });
});

test("an end is told with its range and what binds it, or why there is none", () => {
  const moment = (ms) => new Date(ms).toISOString().slice(11, 19);
  const eta = { p10: "2026-11-24T15:58:10Z", p50: "2026-11-24T16:20:40Z", p90: "2026-11-24T17:01:00Z" };
  assert.deepEqual(etaWords({ eta, because: null, binding: "cps" }, moment), {
    at: "16:20",
    range: "15:58–17:01",
    limit: "limited by calls per second",
  });
  const dated = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
  assert.equal(etaWords({ eta, because: null, binding: "rate" }, dated).at, "24 Nov 16:20");
  assert.deepEqual(etaWords({ eta: null, because: "too_few_calls" }, moment), {
    why: "no estimate before 20 calls have ended",
  });
  assert.deepEqual(etaWords({ eta: null, because: "moon" }, moment), { why: "no estimate" });
  assert.equal(etaWords(null, moment), null);
});
