/** Dates of a zone, and the hours of a day as instants: clock changes included. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { addDays, dayBegins, dayOf, hourSpans, weekday } from "../src/store/days.js";

const hours = ({ since, until }) => (Date.parse(until) - Date.parse(since)) / 3_600_000;

test("the date is that of the zone", () => {
  const late = Date.parse("2026-11-24T23:30:00Z");
  assert.equal(dayOf(late, "UTC"), "2026-11-24");
  assert.equal(dayOf(late, "Europe/Madrid"), "2026-11-25");
  assert.equal(dayOf(late, "America/Los_Angeles"), "2026-11-24");
});

test("dates are stepped over months, years and leap days", () => {
  assert.equal(addDays("2026-11-24", -7), "2026-11-17");
  assert.equal(addDays("2026-03-01", -1), "2026-02-28");
  assert.equal(addDays("2028-02-28", 1), "2028-02-29");
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(weekday("2026-11-24"), "Tuesday");
});

test("a usual day has 24 hours that follow each other", () => {
  const spans = hourSpans("2026-11-24", "Europe/Madrid");
  assert.deepEqual(spans[0], { since: "2026-11-23T23:00:00Z", until: "2026-11-24T00:00:00Z" });
  assert.deepEqual(spans[14], { since: "2026-11-24T13:00:00Z", until: "2026-11-24T14:00:00Z" });
  for (let hour = 1; hour < 24; hour += 1) assert.equal(spans[hour].since, spans[hour - 1].until);
});

test("an hour that the clocks leave out is none, one that comes twice is both", () => {
  const spring = hourSpans("2026-03-29", "Europe/Madrid");
  assert.equal(spring[2], null);
  assert.equal(spring[3].since, "2026-03-29T01:00:00Z");
  const autumn = hourSpans("2026-10-25", "Europe/Madrid");
  assert.deepEqual(autumn[2], { since: "2026-10-25T00:00:00Z", until: "2026-10-25T02:00:00Z" });
  assert.equal(autumn.reduce((sum, span) => sum + hours(span), 0), 25);
});

test("a day may begin at one o'clock, and hours at half past in UTC", () => {
  assert.equal(hourSpans("2026-04-24", "Africa/Cairo")[0], null);
  assert.equal(dayBegins("2026-04-24", "Africa/Cairo"), "2026-04-23T22:00:00Z");
  assert.equal(dayBegins("2026-09-06", "America/Santiago"), "2026-09-06T04:00:00Z");
  assert.equal(hourSpans("2026-11-24", "Asia/Kolkata")[9].since, "2026-11-24T03:30:00Z");
});

test("a change of half an hour is one too", () => {
  const spans = hourSpans("2026-04-05", "Australia/Lord_Howe");
  assert.equal(hours(spans[1]), 1.5);
  assert.equal(spans.reduce((sum, span) => sum + hours(span), 0), 24.5);
});
