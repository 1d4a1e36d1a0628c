import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused, Unanswered } from "../src/api.js";
import { Board } from "../src/board.js";
import { CallList } from "../src/screens/calls/call_list.js";
import { ALL_CALLS } from "../src/store/call_query.js";
import { aCall, at, settle, snapshot, update } from "./support.js";

/** A list over a server whose answers the test gives, in the order in which they are asked. */
function aList() {
  const board = new Board({ onNextFrame: (paint) => paint() });
  board.recentLoaded = true;
  const asked = [];
  const ask = (path) => new Promise((good, bad) => asked.push({ path, good, bad }));
  return { board, asked, list: new CallList({ ask, board }) };
}

async function answer(request, calls, next = null) {
  request.good({ calls, next });
  await settle();
}

function shown({ list }) {
  return list.state.value.calls.map(({ sid }) => sid);
}

test("a page is asked for with the filter, the next by its cursor", async () => {
  const held = aList();
  const [a, b, c] = [aCall(), aCall(), aCall()];
  held.list.open({ ...ALL_CALLS, status: ["failed"] });
  assert.equal(held.asked[0].path, "/api/calls?status=failed&limit=100");
  await answer(held.asked[0], [a, b], "cursor");
  const more = held.list.more();
  assert.equal(held.asked[1].path, "/api/calls?status=failed&limit=100&before=cursor");
  await answer(held.asked[1], [b, c]);
  assert.equal(await more, c.sid);
  assert.deepEqual(shown(held), [a.sid, b.sid, c.sid]);
  assert.equal(held.list.state.value.next, null);
  assert.equal(await held.list.more(), null);
});

test("the answer to an earlier filter is dropped", async () => {
  const held = aList();
  const [old, good] = [aCall(), aCall()];
  held.list.open({ ...ALL_CALLS, status: ["failed"] });
  held.list.open({ ...ALL_CALLS, status: ["busy"] });
  await answer(held.asked[1], [good]);
  await answer(held.asked[0], [old]);
  assert.deepEqual(shown(held), [good.sid]);
});

test("who comes back finds what was loaded; another person does not", async () => {
  const held = aList();
  held.board.session.value = { name: "ada" };
  held.list.open(ALL_CALLS);
  await answer(held.asked[0], [aCall()]);
  await held.list.open(ALL_CALLS);
  assert.equal(held.asked.length, 1);
  held.board.session.value = { name: "bob" };
  held.list.open(ALL_CALLS);
  assert.equal(held.list.state.value.calls, null);
  assert.equal(held.asked.length, 2);
});

test("what fails is told, and what was loaded stays", async () => {
  const held = aList();
  held.list.open(ALL_CALLS);
  await answer(held.asked[0], [aCall()], "cursor");
  held.list.more();
  held.asked[1].bad(new Unanswered("the server does not answer"));
  await settle();
  const { calls, error, loading, next } = held.list.state.value;
  assert.equal(calls.length, 1);
  assert.deepEqual([error.message, loading, next], ["the server does not answer", false, "cursor"]);
});

test("who is not signed in any more is asked to", async () => {
  const held = aList();
  let asked = 0;
  held.list.feed = { retrySession: () => (asked += 1) };
  held.list.open(ALL_CALLS);
  held.asked[0].bad(new Refused(401, {}));
  await settle();
  assert.equal(asked, 1);
});

test("a loaded call changes in its place", async () => {
  const held = aList();
  const call = aCall({ status: "ringing" });
  held.board.calls.applySnapshot(snapshot([call], at(0)));
  held.board.changed();
  held.list.open(ALL_CALLS);
  await answer(held.asked[0], [aCall(), call]);
  const later = { ...call, status: "completed", updatedAt: "2026-11-22T10:01:00.000Z" };
  held.board.calls.applyUpdate(update("update", later, at(1)));
  held.board.changed();
  held.list.observe();
  assert.equal(held.list.state.value.calls[1].status, "completed");
});

test("new calls are counted and wait; what the server left out before is none of them", async () => {
  const held = aList();
  const left = aCall({ campaignId: "camp_1" });
  held.board.calls.applySnapshot(snapshot([left], at(0)));
  held.board.changed();
  held.list.open({ ...ALL_CALLS, campaign: "camp_1" });
  await answer(held.asked[0], [aCall()]);
  assert.equal(held.list.state.value.newer, 0);
  const fresh = [aCall({ campaignId: "camp_1" }), aCall({ campaignId: "camp_2" })];
  fresh.forEach((call, index) => held.board.calls.applyUpdate(update("insert", call, at(index + 1))));
  held.board.changed();
  held.list.observe();
  assert.equal(held.list.state.value.newer, 1);
  assert.equal(shown(held).length, 1);
  held.list.reload();
  await answer(held.asked[1], [fresh[0]]);
  assert.equal(held.list.state.value.newer, 0);
});
