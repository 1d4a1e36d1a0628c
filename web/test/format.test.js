/** Figures as people read them; what is unknown is a dash, never a zero. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, count, percent, plural, span, timer, zoneClock } from "../src/store/format.js";
import { ServerClock } from "../src/store/server_clock.js";

test("what is unknown is a dash", () => {
  for (const format of [count, percent, span]) {
    assert.deepEqual([format(null), format(undefined)], ["—", "—"]);
  }
  assert.deepEqual([timer(null), timer(NaN)], ["—", "—"]);
});

test("nothing is a zero", () => {
  assert.deepEqual([count(0), percent(0), span(0), timer(0)], ["0", "0.0%", "0 s", "0:00"]);
});

test("timers run from seconds to hours and never below zero", () => {
  const shown = [7, 754, 3723].map((seconds) => timer(seconds * 1000 + 999));
  assert.deepEqual(shown, ["0:07", "12:34", "1:02:03"]);
  assert.equal(timer(-5000), "0:00");
});

test("spans, ages and counts are words", () => {
  assert.deepEqual([48, 200, 3900].map(span), ["48 s", "3 min 20 s", "1 h 05 min"]);
  const ages = [900, 12_000, 185_000, 7_300_000].map(ago);
  assert.deepEqual(ages, ["just now", "12 s ago", "3 min ago", "2 h ago"]);
  assert.deepEqual([plural(1, "call"), plural(1234, "call")], ["1 call", "1,234 calls"]);
  assert.equal(percent(94.04), "94.0%");
});

test("the clock is the reporting timezone's, and an unknown zone is UTC", () => {
  const at = Date.parse("2026-11-22T23:30:05Z");
  const madrid = zoneClock("Europe/Madrid");
  assert.deepEqual([madrid.time(at), madrid.hour(at)], ["00:30:05", 0]);
  assert.equal(madrid.moment(at, at + 1000), "00:30:05");
  assert.equal(madrid.moment(at - 3_600_000, at), "11-22 23:30");
  assert.match(madrid.moment(at - 400 * 86_400_000, at), /^2025-\d\d-\d\d \d\d:\d\d$/);
  assert.equal(zoneClock("Mars/Olympus").time(at), "23:30:05");
});

test("the server's clock is taken halfway through the request", () => {
  const clock = new ServerClock(() => 1_000_000);
  clock.learn(new Date(1_060_000).toISOString(), 999_000, 1_001_000);
  assert.equal(clock.now(), 1_060_000);
  clock.learn("not a time", 0, 0);
  assert.equal(clock.now(), 1_060_000);
});
