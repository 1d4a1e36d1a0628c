/** Which rows are shown, in which order, and which of them are in the DOM. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { filterQuery, readGroup, readQuery, sortQuery } from "../src/store/query.js";
import {
  countByStatus, countNew, countsFrom, DEFAULT_SORT, filterCalls, groupName, holdOrder, isProblem,
  otherSide, sortCalls, windowOf, withHeads,
} from "../src/store/rows.js";
import { describe, heat } from "../src/store/statuses.js";
import { aCall } from "./support.js";

const name = (id) => ({ autumn: "Autumn renewals" })[id] ?? id;
const sids = (calls) => calls.map((call) => call.sid);
const any = { text: "", statuses: [] };

test("the longest call comes first, calls without a start last in both directions", () => {
  const old = aCall({ startTime: "2026-11-22T09:00:00Z" });
  const young = aCall({ startTime: "2026-11-22T10:00:00Z" });
  const unknown = aCall({ startTime: null });
  const calls = [unknown, young, old];
  assert.deepEqual(sids(sortCalls(calls, DEFAULT_SORT, name)), sids([old, young, unknown]));
  const shortest = { column: "elapsed", descending: false };
  assert.deepEqual(sids(sortCalls(calls, shortest, name)), sids([young, old, unknown]));
});

test("equal calls keep one order, so that rows do not dance", () => {
  const calls = [aCall({ sid: "CAb" }), aCall({ sid: "CAa" })];
  for (const descending of [true, false]) {
    const sorted = sortCalls(calls, { column: "campaign", descending }, name);
    assert.deepEqual(sids(sorted), ["CAa", "CAb"]);
  }
});

test("the timer counts from the answer once there is one", () => {
  const call = aCall({ status: "in-progress", answerTime: "2026-11-22T10:00:20Z" });
  assert.equal(countsFrom(call), Date.parse(call.answerTime));
  assert.equal(countsFrom({ ...call, answerTime: null }), Date.parse(call.startTime));
  assert.equal(countsFrom(aCall({ startTime: null })), null);
});

test("the filter looks for every word, in names of campaigns too", () => {
  const call = aCall({ campaignId: "autumn", contactName: "Ana Ruiz", status: "initiated" });
  const calls = [call, aCall()];
  assert.deepEqual(filterCalls(calls, { text: " RUIZ renew", statuses: [] }, name), [call]);
  assert.deepEqual(filterCalls(calls, { text: "ruiz nobody", statuses: [] }, name), []);
  assert.deepEqual(filterCalls(calls, { text: "", statuses: ["initiated"] }, name), [call]);
  assert.equal(filterCalls(calls, any, name), calls);
});

test("the other side is who was called, or who called", () => {
  assert.equal(otherSide(aCall()), "+34600000001");
  assert.equal(otherSide(aCall({ direction: "inbound" })), "+14155550100");
});

test("a held order keeps places, lets ended calls go and counts the ones that wait", () => {
  const [a, b, c, d] = [aCall(), aCall(), aCall(), aCall()];
  const { rows, waiting } = holdOrder([d, c, a], sids([a, b, c]));
  assert.deepEqual([sids(rows), waiting], [sids([a, c]), 1]);
});

test("calls are counted by state, also by states that nobody is in", () => {
  const counts = countByStatus([aCall(), aCall({ status: "initiated" }), aCall({ status: "queued" })]);
  assert.deepEqual(counts, { initiated: 1, ringing: 1, "in-progress": 0 });
});

test("a window and its gaps always make up the whole list", () => {
  for (const count of [0, 1, 30, 5000]) {
    for (const scrollTop of [0, 17, 3600, 179_000, 400_000]) {
      const { first, last, before, after } = windowOf({ count, rowHeight: 36, scrollTop, height: 600 });
      assert.ok(first >= 0 && first <= last && last <= count);
      assert.equal(before + (last - first) * 36 + after, count * 36);
      assert.ok(last - first <= 60);
      if (count > 0) assert.ok(last > first);
    }
  }
});

test("heat has three steps, and talking may take longer than ringing", () => {
  assert.deepEqual([5, 30, 60].map((s) => heat("ringing", s * 1000)), [0, 1, 2]);
  assert.deepEqual([60, 300, 900].map((s) => heat("in-progress", s * 1000)), [0, 1, 2]);
});

test("a status nobody has heard of is still shown in words", () => {
  assert.equal(describe("on_hold").word, "On hold");
  assert.equal(describe(null).word, "Unknown");
});

test("filter and sort order survive the address, and nonsense in it is ignored", () => {
  const filter = { text: "ana & bo", statuses: ["ringing", "in-progress"] };
  const sort = { column: "agent", descending: false };
  assert.deepEqual(readQuery({ ...filterQuery(filter), ...sortQuery(sort) }), { filter, sort });
  assert.deepEqual({ ...filterQuery(any), ...sortQuery(DEFAULT_SORT) }, { q: null, state: null, sort: null });
  assert.deepEqual(readQuery({ state: "odd", sort: "price:up" }), { filter: any, sort: DEFAULT_SORT });
});

test("in the usual order calls that need a look come first, in any other they do not", () => {
  const at = (s) => new Date(Date.parse("2026-11-22T10:00:00Z") + s * 1000).toISOString();
  const long = aCall({ status: "in-progress", answerTime: at(0), startTime: at(0) });
  const silent = aCall({ startTime: at(295), stale: true });
  const rings = aCall({ startTime: at(200) });
  const fresh = aCall({ startTime: at(290) });
  const unknown = aCall({ startTime: null });
  const calls = [fresh, long, unknown, silent, rings];
  const now = Date.parse(at(300));
  assert.deepEqual(calls.filter((call) => isProblem(call, now)), [silent, rings]);
  const usual = sids(sortCalls(calls, DEFAULT_SORT, name, { now }));
  assert.deepEqual(usual, sids([rings, silent, long, fresh, unknown]));
  const shortest = { column: "elapsed", descending: false };
  const asked = sids(sortCalls(calls, shortest, name, { now }));
  assert.deepEqual(asked, sids([silent, fresh, rings, long, unknown]));
});

test("groups follow each other, those without one last, each in the order asked for", () => {
  const [a, b] = [aCall({ campaignId: "autumn" }), aCall({ campaignId: "spring", status: "initiated" })];
  const [c, d] = [aCall({ campaignId: "autumn", stale: true }), aCall()];
  const order = (by) => sortCalls([d, b, a, c], DEFAULT_SORT, name, { now: 0, by });
  assert.deepEqual(sids(order("campaign")), sids([c, a, b, d]));
  assert.deepEqual(sids(order("state")), sids([b, c, a, d]));
  const heads = withHeads(order("campaign"), (call) => groupName(call, "campaign", name), (call) => call.stale);
  assert.deepEqual(
    heads.filter((row) => "head" in row),
    [
      { head: "Autumn renewals", count: 2, problems: 1 },
      { head: "spring", count: 1, problems: 0 },
      { head: null, count: 1, problems: 0 },
    ],
  );
  assert.deepEqual(sids(heads.filter((row) => row.sid)), sids([c, a, b, d]));
});

test("names that differ in capitals alone are two groups", () => {
  const calls = ["Eve", "eve", "Eve"].map((agentName) => aCall({ agentName }));
  const sorted = sortCalls(calls, DEFAULT_SORT, name, { by: "agent" });
  const heads = withHeads(sorted, (call) => groupName(call, "agent", name), () => false);
  const counted = heads.filter((row) => "head" in row).map(({ head, count }) => [head, count]);
  assert.deepEqual(counted, [["Eve", 2], ["eve", 1]]);
});

test("calls that came while nothing moved are counted", () => {
  const [a, b, c] = [aCall(), aCall(), aCall()];
  const current = new Map([b, c].map((call) => [call.sid, call]));
  assert.equal(countNew(current, [a, b]), 1);
});

test("a grouping nobody knows is none", () => {
  assert.equal(readGroup({ group: "agent" }), "agent");
  assert.equal(readGroup({ group: "price" }), null);
  assert.equal(readGroup({}), null);
});
