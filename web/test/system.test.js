/** The server's state in words; what is missing is unknown, and unknown is never good. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  briefly, chosen, engineWords, forgottenWords, keyspaceRows, lagTone, offsetWords, size, stalenessSentence,
  staleTone, transportWords, viewRows, warmedWords,
} from "../src/store/system.js";
import { CACHE_STATS, SYSTEM } from "./system_fixture.js";

test("staleness is one sentence, and not known is not good", () => {
  assert.equal(stalenessSentence(SYSTEM.stalenessBoundS), "What you see is at most 0.4 s behind.");
  assert.equal(stalenessSentence(75), "What you see is at most 1 min 15 s behind.");
  assert.match(stalenessSentence(null), /Nobody can say/);
  assert.deepEqual([0, 10, 10.1, null, undefined].map(staleTone), ["good", "good", "bad", null, null]);
});

test("short times have tenths, long ones words, unknown ones a dash", () => {
  assert.deepEqual([0, 0.44, 9.96, 12.4, 200, null, -1].map(briefly), [
    "0.0 s", "0.4 s", "10.0 s", "12 s", "3 min 20 s", "—", "0.0 s",
  ]);
});

test("times that somebody chose are round", () => {
  assert.deepEqual([30, 600, 3600, 5400, 90].map(chosen), ["30 s", "10 min", "1 h", "1 h 30 min", "1 min 30 s"]);
});

test("views are named, vouched for or not, or unknown", () => {
  const rows = viewRows({ ...SYSTEM.views, campaign: { vouched: false }, odd: {} });
  assert.deepEqual(rows.map(({ word, ageS, tone }) => [word, ageS, tone]), [
    ["Live calls", 0.2, "good"],
    ["Campaigns", null, "warn"],
    ["Today's figures", 0.4, "good"],
    ["odd", null, "idle"],
  ]);
  assert.deepEqual(viewRows(undefined), []);
});

test("an engine answers, is down, or is unknown", () => {
  const words = [{ up: true }, { up: false }, { up: null }, undefined].map((part) => engineWords(part).word);
  assert.deepEqual(words, ["Answers", "Down", "—", "—"]);
  assert.deepEqual([31, 30, null, undefined].map(lagTone), ["bad", null, null, null]);
});

test("this machine's clock and socket in words", () => {
  assert.deepEqual([100, -249].map(offsetWords), Array(2).fill("the same, within a quarter of a second"));
  assert.deepEqual([2000, -90_000].map(offsetWords), ["2.0 s slow", "1 min 30 s fast"]);
  const names = ["websocket", "polling", "smoke", null, undefined];
  assert.deepEqual(names.map(transportWords), ["WebSocket", "long polling", "smoke", "—", "—"]);
});

test("keyspaces: most asked first; a view is not forgotten, and only what has paths is warmed", () => {
  const rows = keyspaceRows(CACHE_STATS.keyspaces);
  assert.deepEqual(rows.map(({ name, canForget, canWarm }) => [name, canForget, canWarm]), [
    ["live", false, false],
    ["recent", true, true],
    ["call", true, false],
  ]);
  assert.deepEqual([rows[2].ratio, rows[2].keys], [null, null]);
  assert.deepEqual(keyspaceRows(undefined), []);
});

test("what came of forgetting and loading is said", () => {
  assert.equal(forgottenWords("recent", { known: true }), "recent: forgotten in every process.");
  assert.match(forgottenWords("recent", { known: false }), /Redis is away/);
  const done = { paths: ["/a", "/b", "/c"], fresh: 1, loaded: 2, failed: 0 };
  assert.equal(warmedWords("All", done), "All: 2 loaded, 1 already there.");
  const none = { paths: [], fresh: 0, loaded: 0, failed: 0 };
  assert.equal(warmedWords("details", none), "details: there was nothing to load.");
  assert.match(warmedWords("x", { ...done, failed: 4 }), /4 could not be loaded/);
});

test("sizes are told in units people read", () => {
  assert.deepEqual([812, 3_565_158, null].map(size), ["812 B", "3.4 MiB", "—"]);
});
