import assert from "node:assert/strict";
import { test } from "node:test";

import {
  costText,
  costValue,
  failuresOf,
  foretold,
  funnelOf,
  jsonLines,
  listed,
  newest,
  nextSort,
  readList,
} from "../src/store/campaigns.js";

function campaign(campaignId, fields = {}) {
  return {
    campaignId,
    name: campaignId,
    status: "active",
    totalContacts: 10,
    totalCalls: 4,
    activeCalls: 0,
    completedCalls: 3,
    failedCalls: 1,
    contact: { attempts: 4, answered: 3, human: 2, voicemail: 1 },
    evaluation: { success: 1, failure: 1, unknown: 0 },
    failures: { total: 1, bySipCode: {} },
    rates: { human: { value: 50 }, success: { value: 50 } },
    cost: {},
    ...fields,
  };
}

const ids = (rows) => rows.map(({ campaignId }) => campaignId);
const inOrder = (rows, query) => ids(listed(rows, readList(query)));

test("a list is filtered by text and state, and nonsense in the address is ignored", () => {
  const rows = [campaign("spring", { name: "Renewal" }), campaign("autumn", { status: "paused" })];
  assert.deepEqual(inOrder(rows, {}), ["spring", "autumn"]);
  assert.deepEqual(inOrder(rows, { q: " RENEW " }), ["spring"]);
  assert.deepEqual(inOrder(rows, { q: "aut" }), ["autumn"]);
  assert.deepEqual(inOrder(rows, { state: "paused" }), ["autumn"]);
  assert.deepEqual(inOrder(rows, { state: "nonsense", sort: "toString:asc" }), ["spring", "autumn"]);
});

test("a list is sorted by a column both ways, what is unknown comes last", () => {
  const rows = [
    campaign("a", { totalContacts: 5, cost: { twilio: { USD: 2 } } }),
    campaign("b", { totalContacts: null }),
    campaign("c", { totalContacts: 9, cost: { elevenlabs: { USD: 3 } } }),
  ];
  assert.deepEqual(inOrder(rows, { sort: "contacts:desc" }), ["c", "a", "b"]);
  assert.deepEqual(inOrder(rows, { sort: "contacts:asc" }), ["a", "c", "b"]);
  assert.deepEqual(inOrder(rows, { sort: "cost:desc" }), ["c", "a", "b"]);
  assert.deepEqual(inOrder(rows, { sort: "name:desc" }), ["c", "b", "a"]);
  assert.deepEqual(ids(rows), ["a", "b", "c"]);
});

test("every column has its order, but for when a campaign will be done", () => {
  const rows = [campaign("x"), campaign("y")];
  const none = readList({});
  assert.equal(nextSort(none, "eta"), null);
  for (const column of ["state", "progress", "attempts", "active", "human", "success", "unsuccessful"]) {
    assert.equal(inOrder(rows, { sort: nextSort(none, column) }).length, 2);
  }
});

test("a head sorts words from A on, figures from the largest, and back when pressed again", () => {
  assert.equal(nextSort(readList({}), "name"), "name:asc");
  assert.equal(nextSort(readList({}), "cost"), "cost:desc");
  assert.equal(nextSort(readList({ sort: "cost:desc" }), "cost"), "cost:asc");
  assert.equal(nextSort(readList({ sort: "name:asc" }), "name"), "name:desc");
});

test("only the first running campaigns are foretold", () => {
  const rows = [campaign("a"), campaign("b", { status: "paused" }), campaign("c"), campaign("d")];
  assert.deepEqual([...foretold(rows, 2)], ["a", "c"]);
});

test("of what came by socket and what was read the newer one counts", () => {
  const [old, young] = [{ last_updated: "2026-11-24T10:00:00Z" }, { last_updated: "2026-11-24T10:00:01Z" }];
  assert.equal(newest(old, young), young);
  assert.equal(newest(young, old), young);
  assert.equal(newest(null, old), old);
  assert.equal(newest(old, null), old);
  assert.equal(newest(null, null), null);
});

test("a cost is told per success or in all, for machines and people; without successes there is none", () => {
  const cost = { amounts: [["EUR", 1], ["USD", 10]], credits: 30 };
  assert.equal(costValue(cost), "1 EUR;10 USD");
  assert.equal(costValue(cost, 3), "0.3333 EUR;3.3333 USD");
  assert.equal(costValue(cost, 0), null);
  assert.equal(costValue(null), null);
  assert.equal(costValue({ amounts: [], credits: 30 }, 4), "8 credits");
  assert.equal(costText(cost, 2), "€0.50 + $5.00");
  assert.equal(costText({ amounts: [], credits: 30 }), "30 credits");
  assert.equal(costText(cost, 0), "—");
});

test("a funnel leads from attempts to successes", () => {
  const steps = funnelOf(campaign("a")).map(({ field, value }) => [field, value]);
  assert.deepEqual(steps, [["attempts", 4], ["answered", 3], ["human", 2], ["success", 1]]);
});

test("failures stand by frequency, then by code", () => {
  const failures = { total: 6, bySipCode: { 404: 1, 503: 4, 403: 1 } };
  assert.deepEqual(failuresOf({ failures }), [["503", 4], ["403", 1], ["404", 1]]);
});

test("lines of JSON are read whole, however they are cut", async () => {
  const bytes = new TextEncoder().encode('{"rows":1,"name":"Lucía"}\n\n{"done":true}');
  for (const size of [1, 7, 100]) {
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const seen = [];
    for await (const line of jsonLines(stream.getReader())) seen.push(line);
    assert.deepEqual(seen, [{ rows: 1, name: "Lucía" }, { done: true }]);
  }
});
