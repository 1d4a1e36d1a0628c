import assert from "node:assert/strict";
import { test } from "node:test";

import { readViews, withoutView, withView, writeViews } from "../src/store/saved_views.js";

function storage(held = {}) {
  return {
    getItem: (name) => held[name] ?? null,
    setItem: (name, value) => (held[name] = value),
  };
}

const VIEW = { name: "Failed", query: { status: "failed" }, range: "today" };

test("views are kept and read again", () => {
  const kept = storage();
  assert.deepEqual(readViews(kept), []);
  assert.ok(writeViews(kept, withView([], VIEW)));
  assert.deepEqual(readViews(kept), [VIEW]);
});

test("a name is used once, and nameless views are none", () => {
  const other = { ...VIEW, query: { status: "busy" } };
  assert.deepEqual(withView([VIEW], other), [other]);
  assert.deepEqual(withView([VIEW], { name: "  ", query: {} }), [VIEW]);
  assert.deepEqual(withoutView([VIEW], "Failed"), []);
});

test("there are never more than twenty, the oldest go", () => {
  let views = [];
  for (let at = 0; at < 25; at += 1) views = withView(views, { name: `view ${at}`, query: {} });
  assert.equal(views.length, 20);
  assert.equal(views[0].name, "view 5");
});

test("what somebody else wrote there does no harm", () => {
  const texts = ["{", "{}", "7", "null", '[null,{"name":1},{"name":"a","query":{"x":1},"range":null}]'];
  for (const text of texts) assert.deepEqual(readViews(storage({ "callboard.views": text })), [], text);
});

test("a browser that keeps nothing is no failure", () => {
  const none = {
    getItem() {
      throw new Error("denied");
    },
    setItem() {
      throw new Error("denied");
    },
  };
  assert.deepEqual(readViews(none), []);
  assert.equal(writeViews(none, [VIEW]), false);
});
