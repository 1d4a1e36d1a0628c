/** Keys do what the help says, one after the other, and never while somebody types. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { GO, isForBoard, KEYS, NO_KEY, pressed, SECOND_KEY_MS } from "../src/store/keymap.js";
import { readRoute, hrefOf } from "../src/store/route.js";

/** Press keys 100 ms apart and return what they did. */
function typed(keys, everyMs = 100) {
  let waiting = NO_KEY;
  return keys.map((key, place) => {
    const next = pressed(waiting, key, place * everyMs);
    waiting = next.waiting;
    return next.action;
  });
}

test("single keys", () => {
  assert.deepEqual(typed(["?", "/", "p", "x"]), [{ does: "help" }, { does: "search" }, { does: "pause" }, null]);
});

test("g and a letter go to a screen, which there is", () => {
  for (const [key, screen] of Object.entries(GO)) {
    assert.deepEqual(typed(["g", key]), [null, { does: "go", screen }]);
    assert.equal(readRoute(hrefOf(screen)).screen, screen);
  }
});

test("the second key must be one, and come soon", () => {
  assert.deepEqual(typed(["g", "z", "n"]), [null, null, null]);
  assert.deepEqual(typed(["g", "g", "n"])[2], { does: "go", screen: "now" });
  assert.deepEqual(typed(["n", "g"]), [null, null]);
  assert.deepEqual(typed(["g", "n"], SECOND_KEY_MS + 1), [null, null]);
  assert.deepEqual(typed(["g", "p"]), [null, { does: "pause" }]);
  assert.deepEqual(typed(["g", "constructor"]), [null, null]);
});

test("shortcuts of the browser and what is typed are left alone", () => {
  assert.equal(isForBoard({}, false), true);
  assert.equal(isForBoard({}, true), false);
  for (const held of ["ctrlKey", "metaKey", "altKey", "defaultPrevented", "isComposing", "repeat"]) {
    assert.equal(isForBoard({ [held]: true }, false), false, held);
  }
});

test("the help lists every key that does something", () => {
  const listed = KEYS.map(({ keys }) => keys.join(" "));
  for (const key of [...Object.keys(GO).map((second) => `g ${second}`), "?", "/", "p"]) {
    assert.ok(listed.includes(key), key);
  }
});
