import assert from "node:assert/strict";
import { test } from "node:test";

import { dayStart, instantOf, localText } from "../src/store/local_time.js";
import { nameOfRange, RANGES, rangeOf } from "../src/store/ranges.js";

const MADRID = "Europe/Madrid";
const NOW = Date.parse("2026-11-24T09:30:20Z"); // 10:30:20 in Madrid

function iso(ms) {
  return new Date(ms).toISOString();
}

test("a local time is an instant, and back", () => {
  assert.equal(iso(instantOf("2026-11-24T10:30", MADRID)), "2026-11-24T09:30:00.000Z");
  assert.equal(iso(instantOf("2026-07-01T10:30:15", MADRID)), "2026-07-01T08:30:15.000Z");
  assert.equal(localText(NOW, MADRID), "2026-11-24T10:30");
  assert.equal(localText(NOW, "Asia/Kathmandu"), "2026-11-24T15:15");
});

test("what is no local time is none", () => {
  for (const text of ["", null, undefined, "soon", "2026-13-01T00:00", "2026-11-24"]) {
    assert.equal(instantOf(text, MADRID), null, String(text));
  }
});

test("days begin at midnight there, also when clocks change", () => {
  const afterSpring = Date.parse("2026-03-29T12:00:00Z");
  assert.equal(iso(dayStart(afterSpring, MADRID)), "2026-03-28T23:00:00.000Z");
  assert.equal(iso(dayStart(afterSpring, MADRID, -1)), "2026-03-29T22:00:00.000Z");
  const afterAutumn = Date.parse("2026-10-26T12:00:00Z");
  assert.equal(iso(dayStart(afterAutumn, MADRID, 1)), "2026-10-24T22:00:00.000Z");
});

test("ranges by name are instants in the board's zone", () => {
  const midnight = "2026-11-23T23:00:00.000Z";
  const range = (name) => rangeOf(name, NOW, MADRID);
  assert.deepEqual(range("hour"), { since: "2026-11-24T08:30:00.000Z", until: null });
  assert.deepEqual(range("morning"), { since: midnight, until: "2026-11-24T11:00:00.000Z" });
  assert.deepEqual(range("today"), { since: midnight, until: null });
  assert.deepEqual(range("yesterday"), { since: "2026-11-22T23:00:00.000Z", until: midnight });
  assert.deepEqual(range("week"), { since: "2026-11-17T23:00:00.000Z", until: null });
  assert.deepEqual(range(null), { since: null, until: null });
});

test("instants are known by the name of their range", () => {
  for (const { name } of RANGES) {
    assert.equal(nameOfRange(rangeOf(name, NOW, MADRID), NOW, MADRID), name);
  }
  assert.equal(nameOfRange({ since: null, until: null }, NOW, MADRID), null);
});

test("the last hour is called so for a while; yesterday's today is not today's", () => {
  const hour = rangeOf("hour", NOW, MADRID);
  assert.equal(nameOfRange(hour, NOW + 5 * 60_000, MADRID), "hour");
  assert.equal(nameOfRange(hour, NOW + 30 * 60_000, MADRID), null);
  const today = rangeOf("today", NOW, MADRID);
  assert.equal(nameOfRange(today, NOW + 24 * 3_600_000, MADRID), null);
});
