import assert from "node:assert/strict";
import { test } from "node:test";

import { asNumber, readSearch } from "../src/store/search.js";

const SID = `CA${"0a".repeat(16)}`;

test("nothing typed leads nowhere", () => {
  assert.equal(readSearch("   ").screen, null);
});

test("a call's SID leads to the call, also in capitals or inside a pasted address", () => {
  for (const typed of [SID, SID.toUpperCase(), ` ${SID} `, `https://console.example/calls/${SID}?x=1`]) {
    assert.deepEqual(readSearch(typed), { screen: "call", id: SID, query: {} }, typed);
  }
});

test("a SID that is cut off, or longer, is no SID", () => {
  assert.equal(readSearch(SID.slice(0, 20)).screen, "live");
  assert.equal(readSearch(`${SID}0`).screen, "live");
});

test("a conversation is looked for among the calls", () => {
  const query = { conversation: "conv_1f1cab" };
  assert.deepEqual(readSearch("conv_1f1cab").query, query);
  assert.deepEqual(readSearch("https://example.com/app/conv_1f1cab/details").query, query);
});

test("numbers are found however people write them", () => {
  const written = ["+34 600 000 001", "0034600000001", "+34-600-000-001", "(34) 600.000.001", "tel:+34600000001"];
  for (const typed of written) {
    assert.deepEqual(readSearch(typed), { screen: "calls", id: null, query: { number: "+34600000001" } }, typed);
  }
  assert.equal(asNumber("+44 (0)20 7946 0000"), "+442079460000");
  assert.equal(asNumber("+1 415\u2011555\u20110100"), "+14155550100");
});

test("addresses of SIP phones and browsers are numbers too, as they are", () => {
  assert.equal(readSearch("sip:ada@example.com").query.number, "sip:ada@example.com");
  assert.equal(readSearch("client:ada").query.number, "client:ada");
});

test("words are looked for among the live calls", () => {
  assert.deepEqual(readSearch("Ada Lovelace"), { screen: "live", id: null, query: { q: "Ada Lovelace" } });
  assert.equal(readSearch("123").screen, "live");
});
