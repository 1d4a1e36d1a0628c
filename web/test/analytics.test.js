/** Sums of days, rates from sums, ranges, and the hours of the week. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  changeWords,
  costChange,
  everyDay,
  heatMap,
  rangeBefore,
  ratesOf,
  readRange,
  stackOf,
  talkTime,
  totalOf,
} from "../src/store/analytics.js";

const TODAY = "2026-11-24"; // a Tuesday

function aDay(day, { attempts = 0, human = 0, hour = 9, answered = human, total = attempts } = {}) {
  const hours = (value) => Array.from({ length: 24 }, (_, at) => (at === hour ? value : 0));
  return {
    day,
    callVolume: {
      total,
      byStatus: { completed: answered },
      byHour: hours(total),
      attemptsByHour: hours(attempts),
      humanByHour: hours(human),
      byDirection: { outbound: total },
    },
    duration: { total: 30 * answered, count: answered, average: 30, max: 90, buckets: { "0-10": 1, "10-30": 2, "60-120": 1 } },
    outcomes: { human },
    contact: { attempts, answered, human, voicemail: answered - human },
    failures: { total: 1, bySipCode: { [human]: 1 } },
    evaluation: { success: 1, failure: 1, unknown: 0 },
    cost: { twilio: { USD: 0.5 }, elevenlabs: { credits: 100 } },
    concurrency: { peak: human, at: `${day}T10:00:00Z` },
  };
}

test("a range comes from its name or its dates, and nonsense is the usual one", () => {
  const week = { range: "7d", from: "2026-11-18", to: TODAY, campaign: null, compares: true };
  assert.deepEqual(readRange({}, TODAY), week);
  assert.deepEqual(readRange({ range: "constructor" }, TODAY), week);
  assert.deepEqual(readRange({ from: "2026-11-09", to: "2026-11-08" }, TODAY), week);
  assert.deepEqual(readRange({ from: "2026-13-09", to: "2026-13-10" }, TODAY), week);
  const own = { from: "2026-11-01", to: "2026-11-02", campaign: "c1" };
  assert.deepEqual(readRange(own, TODAY), { ...own, range: null, compares: true });
  assert.equal(readRange({ compare: "off" }, TODAY).compares, false);
  assert.deepEqual(readRange({ range: "yesterday" }, TODAY).to, "2026-11-23");
  assert.deepEqual(rangeBefore(week), { from: "2026-11-11", to: "2026-11-17" });
});

test("days add up, and rates come from the sums, never from rates", () => {
  assert.equal(totalOf([]), null);
  const total = totalOf([
    aDay("2026-11-23", { attempts: 90, human: 9, answered: 30 }),
    aDay(TODAY, { attempts: 10, human: 9, answered: 10 }),
  ]);
  assert.equal(total.callVolume.total, 100);
  assert.equal(total.callVolume.byHour[9], 100);
  assert.deepEqual(total.cost, { twilio: { USD: 1 }, elevenlabs: { credits: 200 } });
  assert.deepEqual(total.failures.bySipCode, { 9: 2 });
  const rates = ratesOf(total);
  assert.deepEqual(rates.humanRate, { share: [18, 100], value: 18 });
  assert.deepEqual(rates.voicemailRate.share, [22, 40]);
  assert.deepEqual(rates.shortShare, { share: [2, 8], value: 25 });
  assert.deepEqual(rates.engagedShare.share, [2, 8]);
  assert.equal(talkTime(total), 30);
  assert.equal(talkTime({ duration: { total: 0, count: 0 } }), null);
});

test("of several days the highest peak counts, of equal ones the first", () => {
  const days = [[18, 4], [19, 9], [20, 9]].map(([day, human]) => aDay(`2026-11-${day}`, { human }));
  const total = totalOf(days);
  assert.deepEqual(total.peak, { day: "2026-11-19", peak: 9, at: "2026-11-19T10:00:00Z" });
  assert.equal(total.duration.max, 90);
  assert.equal(totalOf([aDay(TODAY)]).peak, null);
});

test("days without a call are there too, days to come are not", () => {
  const one = aDay("2026-11-23", { human: 1 });
  const shown = everyDay({ from: "2026-11-22", to: "2026-11-30" }, [one], TODAY);
  assert.deepEqual(shown, [
    { day: "2026-11-22", figures: null },
    { day: "2026-11-23", figures: one },
    { day: TODAY, figures: null },
  ]);
  assert.deepEqual(everyDay({ from: "2026-12-01", to: "2026-12-02" }, [], TODAY), []);
});

test("a bar is stacked of every outcome, and of the calls that have none yet", () => {
  const day = aDay(TODAY, { total: 10, human: 4 });
  day.outcomes = { human: 4, failed: 2, canceled: 1, unconfirmed: 1 };
  assert.deepEqual(stackOf(day), [4, 0, 0, 0, 0, 2, 1, 3]);
  assert.deepEqual(stackOf(null), []);
});

test("figures of an older server have no hours of the week, which is not zero", () => {
  const day = aDay(TODAY, { attempts: 40, human: 4 });
  delete day.callVolume.attemptsByHour;
  delete day.callVolume.humanByHour;
  assert.equal(heatMap([day])[1][9].value, null);
  assert.equal(totalOf([day]).callVolume.humanByHour, undefined);
});

test("costs compare in one currency alone", () => {
  const [now, then] = [{ USD: 3 }, { USD: 2 }].map((twilio) => ({ cost: { twilio }, contact: { human: 2 } }));
  const each = ({ contact }) => contact.human;
  assert.equal(costChange(now, then), "+50% on before");
  assert.equal(costChange(now, { ...then, contact: { human: 1 } }, each), "−25% on before");
  assert.equal(costChange(now, { ...then, contact: { human: 0 } }, each), null);
  assert.equal(costChange(now, null, each), null);
  assert.equal(costChange(now, { ...then, cost: { twilio: { EUR: 2 } } }), null);
  assert.equal(costChange({ ...now, cost: { twilio: { USD: 3, EUR: 1 } } }, then), null);
});

test("the week's hours say how many it was of, and too few have no colour", () => {
  const rows = heatMap([
    aDay("2026-11-16", { attempts: 20, human: 10 }),
    aDay("2026-11-23", { attempts: 20, human: 20 }),
    aDay(TODAY, { attempts: 5, human: 5 }),
  ]);
  assert.deepEqual(rows[0][9], { attempts: 40, human: 30, day: "2026-11-23", value: 75, step: 3 });
  assert.deepEqual([rows[1][9].value, rows[1][9].step], [100, null]);
  assert.deepEqual(rows[2][9], { attempts: 0, human: 0, day: null, value: null, step: null });
});

test("a change is said in words, and not where there was nothing", () => {
  assert.equal(changeWords(112, 100), "+12% on before");
  assert.equal(changeWords(10, 13.1, { points: true }), "−3.1 points on before");
  assert.equal(changeWords(5, 5), "as before");
  assert.equal(changeWords(5, 0), null);
  assert.equal(changeWords(null, 5, { points: true }), null);
});
