/** The board says honestly what state it is in. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { nextConnection, START, UNREACHABLE_AFTER_MS } from "../src/store/connection.js";

const after = (...events) =>
  events.reduce((now, [event, at]) => nextConnection(now, event, at), START);

test("connecting, live, lost, live", () => {
  assert.equal(after(["signed-in", 1]).state, "connecting");
  assert.deepEqual(after(["current", 2]), { state: "live", since: 2, hadData: true });
  const lost = after(["current", 2], ["lost", 5], ["lost", 9]);
  assert.deepEqual(lost, { state: "reconnecting", since: 5, hadData: true });
  assert.equal(after(["current", 2], ["lost", 5], ["current", 7]).since, 7);
});

test("a server that was never reached is unreachable at once", () => {
  assert.equal(after(["unanswered", 3]).state, "offline");
  assert.equal(after(["unanswered", 3], ["signed-in", 4], ["answered", 4]).state, "connecting");
});

test("a server that was reached is unreachable after a while, counted from the loss", () => {
  const soon = ["unanswered", 5 + UNREACHABLE_AFTER_MS - 1];
  const late = ["unanswered", 5 + UNREACHABLE_AFTER_MS];
  assert.equal(after(["current", 2], ["lost", 5], soon).state, "reconnecting");
  const offline = after(["current", 2], ["lost", 5], soon, late);
  assert.deepEqual([offline.state, offline.since], ["offline", 5]);
  assert.equal(after(["current", 2], ["lost", 5], late, ["answered", 99_999]).state, "reconnecting");
});

test("signed out stays signed out until somebody signs in", () => {
  const out = after(["current", 2], ["unauthorized", 5], ["lost", 6], ["unanswered", 7]);
  assert.equal(out.state, "signed-out");
  assert.equal(nextConnection(out, "signed-in", 8).state, "connecting");
});
