/** Summary and campaigns are absolute: the newest counts, whichever way it came. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Campaigns, progressOf, Summary } from "../src/store/figures.js";
import { at } from "./support.js";

const campaign = (more) => ({
  campaignId: "a",
  name: "A",
  status: "active",
  totalContacts: 100,
  totalCalls: 40,
  activeCalls: 3,
  completedCalls: 30,
  failedCalls: 7,
  last_updated: "2026-11-22T10:00:00Z",
  ...more,
});

test("an older summary is ignored, one of another epoch or without position is taken", () => {
  const summary = new Summary();
  assert.ok(summary.apply({ summary: { totalCalls: 5 }, position: at(5) }));
  assert.equal(summary.apply({ summary: { totalCalls: 4 }, position: at(4) }), false);
  assert.equal(summary.apply({ summary: { totalCalls: 4 }, position: at(5) }), false);
  assert.equal(summary.value.totalCalls, 5);
  assert.ok(summary.apply({ summary: { totalCalls: 1 }, position: at(1, "e2") }));
  assert.ok(summary.apply({ summary: { totalCalls: 2 }, position: null }));
  assert.deepEqual([summary.value.totalCalls, summary.position], [2, at(1, "e2")]);
});

test("a list replaces campaigns, but not one that a newer update told of", () => {
  const campaigns = new Campaigns();
  const newer = campaign({ completedCalls: 31, last_updated: "2026-11-22T10:00:05Z", position: at(9) });
  campaigns.applyUpdate(newer);
  campaigns.applyUpdate(campaign({ campaignId: "gone", position: at(8) }));
  campaigns.applyList({ campaigns: [campaign({}), campaign({ campaignId: "b", name: "B" })] });
  assert.deepEqual([...campaigns.byId.keys()], ["a", "b"]);
  assert.equal(campaigns.byId.get("a").completedCalls, 31);
  assert.equal(campaigns.applyUpdate(campaign({ position: at(9) })), false);
});

test("running campaigns come first, then names in people's order", () => {
  const campaigns = new Campaigns();
  const rows = [
    campaign({ campaignId: "1", name: "wave 10" }),
    campaign({ campaignId: "2", name: "Wave 9" }),
    campaign({ campaignId: "3", name: "Autumn", status: "completed", activeCalls: 0 }),
  ];
  campaigns.applyList({ campaigns: rows });
  assert.deepEqual(campaigns.inOrder().map((row) => row.campaignId), ["2", "1", "3"]);
});

test("progress is of contacts, or of calls when contacts were not counted", () => {
  assert.equal(progressOf(campaign({})).remaining, 60);
  assert.equal(progressOf(campaign({ totalContacts: null })).remaining, 0);
  const overrun = progressOf(campaign({ totalContacts: 10 }));
  assert.deepEqual([overrun.total, overrun.remaining], [40, 0]);
});
