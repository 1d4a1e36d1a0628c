/**
 * Laws of the live view: a snapshot and the deltas after it equal a fresh snapshot; what is
 * known already changes nothing; what was missed is noticed.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Calls } from "../src/store/calls.js";
import { aCall, at, FakeServer, seeded, snapshot, update } from "./support.js";

const shown = (calls) => Object.fromEntries([...calls.live].sort());
const loaded = (...given) => {
  const calls = new Calls();
  calls.applySnapshot(snapshot(given, at(10)));
  return calls;
};

test("a snapshot and the deltas after it equal a fresh snapshot, after any history", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const chance = seeded(seed);
    const server = new FakeServer(chance);
    for (let n = chance(30); n > 0; n -= 1) server.step();
    const joined = new Calls();
    joined.applySnapshot(server.snapshot());
    for (let n = 60; n > 0; n -= 1) assert.equal(joined.applyUpdate(server.step()), "applied");
    const fresh = new Calls();
    fresh.applySnapshot(server.snapshot());
    assert.deepEqual(shown(joined), shown(fresh), `seed ${seed}`);
    assert.deepEqual(joined.position, fresh.position);
  }
});

test("repeated, late and lost deltas never leave a wrong board behind", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const chance = seeded(seed);
    const server = new FakeServer(chance);
    const calls = new Calls();
    calls.applySnapshot(server.snapshot());
    for (let n = 80; n > 0; n -= 1) {
      const delta = server.step();
      if (chance(12) === 0) continue; // lost
      if (calls.applyUpdate(delta) === "resync") calls.applySnapshot(server.snapshot());
      const again = server.updates[chance(server.updates.length)];
      if (calls.applyUpdate(again) === "resync") calls.applySnapshot(server.snapshot());
    }
    const last = server.step();
    if (calls.applyUpdate(last) === "resync") calls.applySnapshot(server.snapshot());
    const fresh = new Calls();
    fresh.applySnapshot(server.snapshot());
    assert.deepEqual(shown(calls), shown(fresh), `seed ${seed}`);
  }
});

test("a duplicate and an older offset are ignored", () => {
  const call = aCall();
  const calls = loaded(call);
  assert.equal(calls.applyUpdate(update("delete", call, at(10))), "ignored");
  assert.equal(calls.applyUpdate(update("delete", call, at(3))), "ignored");
  assert.ok(calls.live.has(call.sid));
});

test("a gap asks for a resync and trusts nothing until the snapshot", () => {
  const calls = loaded();
  assert.equal(calls.applyUpdate(update("insert", aCall(), at(12))), "resync");
  assert.equal(calls.applyUpdate(update("insert", aCall(), at(13))), "ignored");
  assert.equal(calls.live.size, 0);
  assert.ok(calls.applySnapshot(snapshot([aCall()], at(13))));
  assert.equal(calls.live.size, 1);
});

test("another epoch asks for a resync, and its snapshot counts whatever its offset", () => {
  const calls = loaded(aCall());
  assert.equal(calls.applyUpdate(update("insert", aCall(), at(11, "e2"))), "resync");
  assert.ok(calls.applySnapshot(snapshot([], at(1, "e2"))));
  assert.deepEqual(calls.position, at(1, "e2"));
});

test("an older snapshot of the same epoch does not set the board back", () => {
  const calls = loaded(aCall());
  assert.equal(calls.applySnapshot(snapshot([], at(9))), false);
  assert.equal(calls.live.size, 1);
});

test("an ended call leaves the live table and comes to the recent ones", () => {
  const call = aCall();
  const calls = loaded(call);
  const ended = { ...call, status: "completed", endTime: "2026-11-22T10:03:00Z", duration: 150 };
  calls.applyUpdate(update("update", ended, at(11)));
  assert.equal(calls.live.has(call.sid), false);
  assert.deepEqual(calls.recentFirst(5), [ended]);
});

test("a change to a call that ended before counts as an offset and stays out of the table", () => {
  const calls = loaded();
  const ended = aCall({ status: "completed", endTime: "2026-11-22T10:03:00Z", outcome: "booked" });
  assert.equal(calls.applyUpdate(update("update", ended, at(11))), "applied");
  assert.equal(calls.live.size, 0);
  assert.deepEqual(calls.position, at(11));
});

test("a conversation of whose call nothing was said yet is in neither table", () => {
  const calls = loaded();
  const orphan = aCall({ sid: "conv_1", status: null, orphan: true });
  calls.applyUpdate(update("insert", orphan, at(11)));
  calls.addRecent([orphan]);
  assert.deepEqual([calls.live.size, calls.recentFirst(10)], [0, []]);
});

test("a deleted call is gone from both", () => {
  const call = aCall({ status: "busy", endTime: "2026-11-22T10:03:00Z" });
  const calls = loaded();
  calls.addRecent([call]);
  calls.applyUpdate(update("delete", { sid: call.sid }, at(11)));
  assert.deepEqual(calls.recentFirst(5), []);
});

test("recent calls are the latest to end, and what a delta brought is not set back", () => {
  const calls = loaded();
  const minute = (n) => `2026-11-22T10:${String(n).padStart(2, "0")}:00.000Z`;
  const ended = (n) => aCall({ status: "completed", endTime: minute(n), updatedAt: minute(n) });
  const [first, second, third] = [ended(1), ended(2), ended(3)];
  const known = { ...second, outcome: "booked", updatedAt: minute(9) };
  calls.applyUpdate(update("update", known, at(11)));
  calls.addRecent([first, second, third, aCall()]);
  assert.deepEqual(calls.recentFirst(5), [third, known, first]);
  assert.deepEqual(calls.recentFirst(1), [third]);
});

test("the recent calls that are kept are bounded", () => {
  const calls = loaded();
  for (let n = 11; n < 300; n += 1) {
    const call = aCall({ status: "completed", endTime: new Date(n * 1000).toISOString() });
    calls.applyUpdate(update("update", call, at(n)));
  }
  assert.ok(calls.recent.size <= 100);
  assert.equal(calls.recentFirst(1)[0].endTime, new Date(299_000).toISOString());
});
