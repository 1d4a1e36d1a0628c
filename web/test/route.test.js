/** Addresses name screens, and screens have addresses, whatever is in them. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { hrefOf, pageName, queryText, readRoute } from "../src/store/route.js";

test("the path is the screen", () => {
  const screens = ["/", "/live", "/campaigns", "/campaigns/c1", "/calls", "/calls/CA1", "/system/", "/wall"];
  assert.deepEqual(screens.map((path) => readRoute(path)).map(({ screen, id }) => [screen, id]), [
    ["now", null], ["live", null], ["campaigns", null], ["campaign", "c1"], ["calls", null],
    ["call", "CA1"], ["system", null], ["wall", null],
  ]);
});

test("what is not ours is lost, also names that every object has", () => {
  const paths = ["/nowhere", "/live/1", "/calls/a/b", "/constructor/x", "/toString/x", "/__proto__/x", "/api/calls.csv"];
  assert.deepEqual(paths.map((path) => readRoute(path).screen), Array(paths.length).fill("lost"));
});

test("the query is its filters", () => {
  const { query } = readRoute("/calls", "?status=failed,busy&number=%2B34600");
  assert.deepEqual(query, { status: "failed,busy", number: "+34600" });
  assert.deepEqual(readRoute("/calls").query, {});
});

test("an address leads back to what it was made of", () => {
  const ids = ["CA1", "a/b", "50%", "ñ ü", "x?y#z", "%2F"];
  for (const id of ids) {
    const query = { q: "a&b=c", since: "2026-11-24T10:00:00.000Z", list: "a,b", odd: "%2C%3A" };
    const { pathname, search } = new URL(hrefOf("campaign", { id, query }), "http://board");
    assert.deepEqual(readRoute(pathname, search), { screen: "campaign", id, query });
  }
});

test("a broken escape in a path is taken as it is written", () => {
  assert.equal(readRoute("/calls/100%").id, "100%");
});

test("empty and missing values are left out, and lists stay readable", () => {
  assert.equal(hrefOf("now"), "/");
  assert.equal(hrefOf("calls", { query: { a: "", b: null, c: undefined } }), "/calls");
  assert.equal(queryText({ status: "failed,busy", zero: 0 }), "?status=failed,busy&zero=0");
});

test("the server calls screens by its own names", () => {
  assert.equal(pageName({ screen: "now", id: null }), "dashboard");
  assert.equal(pageName({ screen: "campaign", id: "c1" }), "campaign/c1");
});
