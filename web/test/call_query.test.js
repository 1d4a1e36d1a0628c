import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ALL_CALLS,
  callParameters,
  callQuery,
  filterWords,
  matches,
  readCallQuery,
  shownWords,
  toggled,
} from "../src/store/call_query.js";
import { queryText, readRoute } from "../src/store/route.js";
import { aCall } from "./support.js";

const FULL = {
  status: "failed,busy",
  campaign: "camp_1",
  direction: "outbound",
  number: "+34600000001",
  conversation: "conv_1",
  outcome: "no_answer",
  sip: "486",
  min: "10",
  max: "60",
  success: "false",
  since: "2026-11-24T08:00:00.000Z",
  until: "2026-11-24T12:00:00.000Z",
};

function filterOf(query) {
  return readCallQuery(query).filter;
}

test("an empty address asks for every call", () => {
  assert.deepEqual(readCallQuery({}), { filter: ALL_CALLS, ignored: [] });
  assert.equal(callParameters(ALL_CALLS), "");
  assert.equal(queryText(callQuery(ALL_CALLS)), "");
});

test("what an address asks for is written back as it was", () => {
  const { filter, ignored } = readCallQuery(FULL);
  assert.deepEqual(ignored, []);
  assert.deepEqual(callQuery(filter), FULL);
  const { query } = readRoute("/calls", queryText(callQuery(filter)));
  assert.deepEqual(filterOf(query), filter);
});

test("the server is asked by its own names", () => {
  const asked = new URLSearchParams(callParameters(filterOf(FULL), { limit: 100, before: null }));
  assert.deepEqual(Object.fromEntries(asked), {
    status: "failed,busy",
    campaignId: "camp_1",
    direction: "outbound",
    number: "+34600000001",
    conversationId: "conv_1",
    outcome: "no_answer",
    sipCode: "486",
    minDuration: "10",
    maxDuration: "60",
    success: "false",
    since: "2026-11-24T08:00:00.000Z",
    until: "2026-11-24T12:00:00.000Z",
    limit: "100",
  });
});

test("zero seconds and a missed goal are filters too", () => {
  const filter = filterOf({ min: "0", success: "false" });
  assert.equal(callParameters(filter), "minDuration=0&success=false");
});

test("nonsense is ignored, and told", () => {
  const nonsense = {
    status: "gone",
    direction: "sideways",
    sip: "abc",
    min: "-1",
    max: "1e9",
    success: "perhaps",
    outcome: "Robot!",
    since: "yesterday",
    until: "2026-11-24T08:00", // no zone: which instant would it be?
    number: "  ",
    toString: "x",
    page: "2",
  };
  const { filter, ignored } = readCallQuery(nonsense);
  assert.deepEqual(filter, ALL_CALLS);
  assert.deepEqual(ignored, Object.entries(nonsense).map(([name, value]) => `${name}=${value}`));
});

test("of several statuses only the unknown are ignored", () => {
  const { filter, ignored } = readCallQuery({ status: "busy,gone,failed,busy" });
  assert.deepEqual(filter.status, ["failed", "busy"]);
  assert.deepEqual(ignored, ["status=gone"]);
});

test("a range that holds nothing loses its end", () => {
  const query = { since: "2026-11-24T12:00:00Z", until: "2026-11-24T13:00:00+02:00", min: "60", max: "60" };
  const { filter, ignored } = readCallQuery(query);
  assert.equal(filter.since, "2026-11-24T12:00:00.000Z");
  assert.equal(filter.until, null);
  assert.equal(filter.max, null);
  assert.deepEqual(ignored, ["until=2026-11-24T13:00:00+02:00", "max=60"]);
});

test("a status is put in and taken out, in the usual order", () => {
  assert.deepEqual(toggled([], "busy"), ["busy"]);
  assert.deepEqual(toggled(["busy"], "failed"), ["failed", "busy"]);
  assert.deepEqual(toggled(["failed", "busy"], "failed"), ["busy"]);
});

test("every filter in force has a chip that takes it away", () => {
  const words = { campaignName: () => "Spring", moment: () => "08:00:00" };
  const filter = filterOf(FULL);
  const chips = filterWords(filter, words);
  assert.equal(chips.length, 13);
  assert.equal(chips[0].words, "Failed");
  assert.deepEqual(chips[0].without, { status: "busy" });
  assert.ok(chips.some(({ words: said }) => said === "Talked 10 s or longer"));
  const nothing = Object.assign({}, ...chips.map(({ without }) => without), { status: null });
  assert.deepEqual(filterOf(readRoute("/", queryText({ ...FULL, ...nothing })).query), ALL_CALLS);
});

test("a call of the board is told from one that is not asked for", () => {
  const call = aCall({
    status: "completed",
    duration: 45,
    campaignId: "camp_1",
    conversationId: "conv_1",
    outcome: "human",
    success: false,
    startTime: "2026-11-24T08:00:00.000Z",
    twilio: { sipResponseCode: 200 },
  });
  const asks = (query) => matches(call, filterOf(query));
  assert.ok(asks({}));
  assert.ok(asks({ status: "busy,completed", campaign: "camp_1", success: "false", sip: "200" }));
  assert.ok(asks({ number: call.from }) && asks({ number: call.to }));
  assert.ok(!asks({ number: "+1" }));
  assert.ok(asks({ min: "45" }) && !asks({ max: "45" }) && asks({ max: "46" }));
  assert.ok(asks({ since: "2026-11-24T08:00:00Z" }) && !asks({ until: "2026-11-24T08:00:00Z" }));
  assert.ok(!asks({ success: "true" }) && !asks({ conversation: "conv_2" }));
});

test("only completed calls have a length to compare", () => {
  const call = aCall({ status: "busy", duration: 0 });
  assert.ok(!matches(call, filterOf({ max: "10" })));
});

test("how many are shown is said with the truth about the rest", () => {
  assert.equal(shownWords(1, false), "1 call");
  assert.equal(shownWords(100, true), "the latest 100 calls");
});
