/** What needs attention, and what the wall shows when. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { CALLS_EACH, needsAttention } from "../src/store/attention.js";
import { PAGES, pageAt, readWall, wallQuery, withPage } from "../src/store/wall.js";
import { aCall } from "./support.js";

const alert = (more) => ({
  rule: "lag",
  label: "",
  severity: "warning",
  title: "The projector lags",
  seen: "42 s behind",
  advice: "",
  since: "2026-11-24T10:00:00Z",
  clearing: false,
  ...more,
});
const feed = { vendor: "twilio", configured: true, silent: true, refused: 0, lastAt: null };

test("nothing known is nothing to attend to", () => {
  assert.deepEqual(needsAttention({ firing: null, live: null, feeds: null }), []);
  const calm = { firing: [], live: [aCall()], feeds: [{ ...feed, silent: false }] };
  assert.deepEqual(needsAttention(calm), []);
});

test("critical alerts come first, then warnings, feeds and calls", () => {
  const stale = aCall({ stale: true, contactName: "Ana" });
  const orphan = aCall({ orphan: true });
  const firing = [alert(), alert({ rule: "mongodb_down", severity: "critical", title: "MongoDB is down" })];
  const items = needsAttention({ firing, live: [orphan, stale, aCall()], feeds: [feed] });
  assert.deepEqual(
    items.map(({ title }) => title),
    [
      "MongoDB is down",
      "The projector lags",
      "Twilio: silent while calls are live",
      "No news for unusually long",
      "A conversation without its call",
    ],
  );
  assert.deepEqual([items[3].seen, items[3].href], ["Ana", `/calls/${stale.sid}`]);
  assert.equal(items[0].since, Date.parse("2026-11-24T10:00:00Z"));
});

test("a feed that an alert names is not named twice", () => {
  const firing = [alert({ rule: "silence", label: "twilio", title: "Twilio is silent" })];
  const items = needsAttention({ firing, live: [], feeds: [feed] });
  assert.deepEqual(items.map(({ title }) => title), ["Twilio is silent"]);
});

test("many calls of a kind are a few and a number", () => {
  const live = Array.from({ length: CALLS_EACH + 3 }, () => aCall({ stale: true }));
  const items = needsAttention({ firing: [], live, feeds: [] });
  assert.equal(items.length, CALLS_EACH + 1);
  assert.deepEqual([items.at(-1).seen, items.at(-1).href], ["3 more calls", "/live"]);
});

test("the address says which pages a wall shows and for how long; nonsense is ignored", () => {
  assert.deepEqual(readWall({}), { pages: PAGES, rotate: 20 });
  assert.deepEqual(readWall({ pages: "hours,odd,hours,figures", rotate: "0" }), {
    pages: ["hours", "figures"],
    rotate: 0,
  });
  assert.equal(readWall({ rotate: "1" }).rotate, 5);
  assert.equal(readWall({ rotate: "soon" }).rotate, 20);
  assert.deepEqual(wallQuery({ pages: PAGES, rotate: 20 }), { pages: null, rotate: null });
  assert.deepEqual(wallQuery({ pages: ["hours"], rotate: 0 }), { pages: "hours", rotate: "0" });
});

test("pages take turns by the clock and by hand", () => {
  const wall = { pages: ["figures", "hours"], rotate: 10 };
  assert.deepEqual([0, 9_999, 10_000, 20_000].map((ms) => pageAt(wall, ms, 0)), [
    "figures", "figures", "hours", "figures",
  ]);
  assert.equal(pageAt({ ...wall, rotate: 0 }, 90_000, 1), "hours");
});

test("a page is taken in where it belongs, and the last one stays", () => {
  assert.deepEqual(withPage(["hours"], "figures"), ["figures", "hours"]);
  assert.deepEqual(withPage(["figures", "hours"], "figures"), ["hours"]);
  assert.deepEqual(withPage(["hours"], "hours"), ["hours"]);
});
