/** Alerts in order of attention, their history folded, and where each rule leads. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  askedFor, describeSent, episodes, firingFirst, judged, lastedS, placeOf, PLACES, readAlertQuery, timesFired,
} from "../src/store/alerts.js";

const ALL = { rule: null, severity: null, state: null };
const T0 = "2026-11-24T10:00:00.000Z";
const T1 = "2026-11-24T10:05:00.000Z";
const T2 = "2026-11-24T11:00:00.000Z";

const firing = (rule, more) => ({
  rule, label: "", severity: "critical", title: rule, seen: "", advice: "", since: T0, clearing: false, ...more,
});

const told = (kind, at, more) => ({
  id: `${kind}${at}`, rule: "lag", label: "", kind, severity: "critical", title: "Lags",
  seen: kind, at, firedAt: T0, sent: [], ...more,
});

test("every rule of the server leads to a screen", () => {
  const source = readFileSync(new URL("../../src/callboard/alerts/rules.py", import.meta.url), "utf8");
  const names = [...source.matchAll(/_rule\(\s+"(\w+)",\s+"(?:critical|warning)"/g)].map(([, name]) => name);
  assert.ok(names.length >= 12);
  assert.deepEqual(Object.keys(PLACES).sort(), names.sort());
  for (const rule of names) assert.ok(placeOf({ rule, label: "x", since: T0 }).href.startsWith("/"), rule);
});

test("a rule leads to what it looked at", () => {
  const href = (rule, label = "", since = T0) => placeOf({ rule, label, since }).href;
  assert.equal(href("redis_down"), "/system");
  assert.equal(href("failures"), "/calls?status=failed&since=2026-11-24T09:45:00.000Z");
  assert.equal(href("failures", "", "never"), "/calls?status=failed");
  assert.equal(href("concurrency"), "/live");
  assert.equal(href("campaign_stalled", "camp/1"), "/campaigns/camp%2F1");
  assert.equal(href("campaign_stalled"), "/campaigns");
  assert.equal(placeOf({ rule: "constructor", label: "", since: T0 }), null);
});

test("critical comes before warning, then what fires longest", () => {
  const shown = firingFirst([
    firing("d", { severity: "warning" }),
    firing("b", { since: T1 }),
    firing("c", { since: T1, label: "z", clearing: true }),
    firing("a"),
  ]);
  assert.deepEqual(shown.map(({ rule, state }) => [rule, state]), [
    ["a", "firing"], ["b", "firing"], ["c", "clearing"], ["d", "firing"],
  ]);
});

test("what was told is one entry for each time that a rule fired, newest first", () => {
  const recent = [
    told("fired", T2, { firedAt: T2 }),
    told("cleared", T1, { sent: [{ target: "json#1", state: "sent" }] }),
    told("fired", T0),
    told("fired", T0, { label: "twilio" }),
  ];
  const found = episodes(recent, [firing("lag", { since: T2, clearing: true })]);
  assert.deepEqual(
    found.map(({ firedAt, clearedAt, label, state, seen }) => [firedAt, clearedAt, label, state, seen]),
    [
      [T2, null, "", "clearing", "fired"],
      [T0, T1, "", "cleared", "fired"],
      [T0, null, "twilio", null, "fired"],
    ],
  );
  assert.deepEqual(found[1].told.map(({ kind }) => kind), ["fired", "cleared"]);
  assert.deepEqual([...timesFired(found)], [["lag", 3]]);
});

test("an end without its beginning still tells when it began", () => {
  const [entry] = episodes([told("cleared", T1)], []);
  assert.deepEqual([entry.firedAt, entry.clearedAt, entry.seen], [T0, T1, "cleared"]);
});

test("how long it lasted ticks while it fires, and is unknown when nobody judges it", () => {
  const now = Date.parse(T1);
  assert.equal(lastedS({ firedAt: T0, clearedAt: T2, state: "cleared" }, now), 3600);
  assert.equal(lastedS({ firedAt: T0, clearedAt: null, state: "firing" }, now), 300);
  assert.equal(lastedS({ firedAt: T0, clearedAt: null, state: null }, now), null);
  assert.equal(lastedS({ firedAt: T1, clearedAt: null, state: "firing" }, Date.parse(T0)), 0);
});

test("filters come from the address; nonsense is none", () => {
  const query = { rule: "lag", severity: "warning", state: "cleared", other: "1" };
  assert.deepEqual(readAlertQuery(query), { rule: "lag", severity: "warning", state: "cleared" });
  assert.deepEqual(readAlertQuery({ rule: "<b>", severity: "grave", state: "?" }), ALL);
  const two = firingFirst([firing("a"), firing("b", { severity: "warning", clearing: true })]);
  const rules = (asked) => askedFor(two, { ...ALL, ...asked }).map(({ rule }) => rule);
  assert.deepEqual(rules({}), ["a", "b"]);
  assert.deepEqual(rules({ severity: "warning" }), ["b"]);
  assert.deepEqual(rules({ state: "firing" }), ["a"]);
  assert.deepEqual(rules({ rule: "a", state: "clearing" }), []);
});

test("nobody judges: never, or for over a minute by the answer's own time", () => {
  const at = Date.parse(T0);
  assert.deepEqual(judged({ judgedAt: null }, at), { at: null, late: true });
  assert.deepEqual(judged({ judgedAt: T0 }, at + 60_000), { at, late: false });
  assert.deepEqual(judged({ judgedAt: T0 }, at + 60_001), { at, late: true });
});

test("what came of telling somebody", () => {
  const say = (state, attempts) => Object.values(describeSent({ state, attempts }));
  assert.deepEqual(say("sent", 3), ["sent", "good"]);
  assert.deepEqual(say("failed", 1), ["failed after 1 try", "bad"]);
  assert.deepEqual(say("waiting", 0), ["waiting", "warn"]);
  assert.deepEqual(say("waiting", 4), ["not sent yet after 4 tries", "warn"]);
});
