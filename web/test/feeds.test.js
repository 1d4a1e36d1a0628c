/** A lamp is red for what lasts, never for a stray webhook, and never green for what is unknown. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { describeFeed, vendorName } from "../src/store/feeds.js";

const aFeed = (more) => ({
  vendor: "twilio",
  configured: true,
  lastAt: "2026-11-24T10:00:00.000Z",
  lastMinute: 12,
  lastHour: 400,
  refused: 0,
  duplicates: 3,
  silent: false,
  ...more,
});

const lamp = (more) => {
  const { word, tone } = describeFeed(aFeed(more));
  return [word, tone];
};

test("what comes and is signed is working, and needs no advice", () => {
  assert.deepEqual(lamp({}), ["working", "good"]);
  assert.equal(describeFeed(aFeed()).advice, null);
  assert.deepEqual(lamp({ silent: null }), ["working", "good"]);
});

test("a vendor that is not set up is no fault, whatever else is said", () => {
  const feed = describeFeed(aFeed({ configured: false, silent: true, refused: 9 }));
  assert.deepEqual([feed.word, feed.tone], ["not set up", "idle"]);
  assert.match(feed.advice, /TWILIO_AUTH_TOKEN/);
  assert.deepEqual(lamp({ configured: null }), ["working", "good"]);
});

test("silence while calls are live comes before all else", () => {
  assert.deepEqual(lamp({ silent: true, refused: 900 }), ["silent while calls are live", "bad"]);
});

test("a stray forged request is no news; a good part of what comes is", () => {
  assert.deepEqual(lamp({ refused: 1 }), ["working", "good"]);
  assert.deepEqual(lamp({ refused: 400 }), ["wrong signatures", "warn"]);
  assert.deepEqual(lamp({ refused: 2, lastHour: 0 }), ["wrong signatures", "bad"]);
  assert.deepEqual(lamp({ refused: 2, lastHour: null, lastAt: null }), ["wrong signatures", "bad"]);
  assert.deepEqual(lamp({ refused: null }), ["working", "good"]);
});

test("of whom nothing is known nothing is said", () => {
  assert.deepEqual(lamp({ lastAt: null, lastHour: 0 }), ["nothing has come yet", "idle"]);
  assert.deepEqual(lamp({ lastAt: null, lastHour: null }), ["not known", "idle"]);
  assert.deepEqual(lamp({ lastAt: null }), ["working", "good"]);
  const bare = describeFeed({ vendor: "carrier-pigeon" });
  assert.deepEqual([bare.name, bare.word], ["carrier-pigeon", "not known"]);
  assert.deepEqual(["twilio", "elevenlabs", "toString"].map(vendorName), ["Twilio", "ElevenLabs", "toString"]);
});
