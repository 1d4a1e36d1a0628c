/** Figures of a range of days: which range, their sums, rates from the sums, hours by weekday. */

import { addDays } from "./days.js";
import { costOfPeriod } from "./today.js";

// Name, and how many days back it begins and ends.
export const RANGES = {
  today: [0, 0],
  yesterday: [1, 1],
  "7d": [6, 0],
  "28d": [27, 0],
  "90d": [89, 0],
};
const USUAL = "7d";
const DATE = /^\d{4}-\d\d-\d\d$/;
const DAY_MS = 86_400_000;
const DAYS_MAX = 400; // as the server allows

/** Of fewer attempts a share is mostly chance. */
export const SAMPLE_MIN = 30;

export const SHORT = ["0-10"];
export const ENGAGED = ["60-120", "120-180", "180+"];

/**
 * Return `{range, from, to, campaign, compares}` of a query; `range` is null for dates of one's
 * own, `compares` tells whether the range stands against the one before.
 */
export function readRange({ range, from = "", to = "", campaign = null, compare }, today) {
  const rest = { campaign, compares: compare !== "off" };
  if (DATE.test(from) && DATE.test(to) && from <= to && lengthOf({ from, to }) <= DAYS_MAX) {
    return { range: null, from, to, ...rest };
  }
  const name = Object.hasOwn(RANGES, range ?? "") ? range : USUAL;
  const [first, last] = RANGES[name];
  return { range: name, from: addDays(today, -first), to: addDays(today, -last), ...rest };
}

/** Return how many days a range has, both ends included. */
export function lengthOf({ from, to }) {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
}

/** Return the range of the same length that ends the day before. */
export function rangeBefore({ from, to }) {
  const to_ = addDays(from, -1);
  return { from: addDays(to_, 1 - lengthOf({ from, to })), to: to_ };
}

/** Return the days of a range up to today, each with its figures; null where no call was. */
export function everyDay({ from, to }, days, today) {
  const byDay = new Map(days.map((figures) => [figures.day, figures]));
  const until = to < today ? to : today;
  return Array.from({ length: Math.max(0, lengthOf({ from, to: until })) }, (_, at) => {
    const day = addDays(from, at);
    return { day, figures: byDay.get(day) ?? null };
  });
}

/** What becomes of calls, in the order in which bars are stacked. */
export const OUTCOMES = [
  ["human", "Person"],
  ["voicemail", "Voicemail"],
  ["answered_unknown", "Other answer"],
  ["no_answer", "No answer"],
  ["busy", "Busy"],
  ["failed", "Failed"],
  ["canceled", "Canceled"],
];

/** Return how many calls had each outcome, and last those that had none of them (yet). */
export function stackOf(figures) {
  if (!figures) return [];
  const parts = OUTCOMES.map(([name]) => figures.outcomes[name] ?? 0);
  return [...parts, Math.max(0, figures.callVolume.total - parts.reduce((a, b) => a + b, 0))];
}

/** Return the sum of days, counter by counter, with the highest peak and its day; null of none. */
export function totalOf(days) {
  if (days.length === 0) return null;
  const total = {};
  for (const { callVolume, duration, outcomes, contact, failures, evaluation, cost } of days) {
    add(total, { callVolume, duration, outcomes, contact, failures, evaluation, cost });
  }
  delete total.duration.average;
  total.duration.max = Math.max(...days.map(({ duration }) => duration.max ?? 0));
  total.peak = days.reduce(
    (highest, { day, concurrency }) =>
      concurrency?.peak > (highest?.peak ?? 0) ? { day, ...concurrency } : highest,
    null,
  );
  return total;
}

function add(into, from) {
  for (const [name, value] of Object.entries(from)) {
    if (typeof value === "number") into[name] = (into[name] ?? 0) + value;
    else if (value && typeof value === "object") {
      into[name] ??= Array.isArray(value) ? [] : {};
      add(into[name], value);
    }
  }
}

/** Return `{share: [numerator, denominator], value}`, `value` in percent, null for x/0. */
export function rateOf(numerator, denominator) {
  const value = denominator ? Math.round((1000 * numerator) / denominator) / 10 : null;
  return { share: [numerator, denominator], value };
}

/** Return every rate of a sum by its tile's name. */
export function ratesOf({ contact, failures, evaluation, callVolume, duration }) {
  const { attempts, answered, human, voicemail } = contact;
  const { success, failure } = evaluation;
  const talks = sumOf(duration.buckets);
  return {
    answerRate: rateOf(answered, attempts),
    humanRate: rateOf(human, attempts),
    voicemailRate: rateOf(voicemail, answered),
    successRate: rateOf(success, success + failure),
    failureRate: rateOf(failures.total, callVolume.total),
    shortShare: rateOf(sumOf(duration.buckets, SHORT), talks),
    engagedShare: rateOf(sumOf(duration.buckets, ENGAGED), talks),
  };
}

function sumOf(counts, names = Object.keys(counts)) {
  return names.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
}

/** Return seconds of talk for each completed call, null of none. */
export function talkTime({ duration }) {
  return duration.count ? Math.round(duration.total / duration.count) : null;
}

/**
 * Return Monday to Sunday, each with 24 cells `{attempts, human, value, step, day}`.
 *
 * `value` is the human answer rate in percent (null: nobody was called), `step` 0 to 4 for its
 * colour (null below the smallest sample), `day` the latest such day with a call in that hour.
 */
export function heatMap(days) {
  const rows = Array.from({ length: 7 }, () =>
    Array.from({ length: 24 }, () => ({ attempts: 0, human: 0, day: null })),
  );
  for (const { day, callVolume } of days) {
    const row = rows[(new Date(`${day}T12:00:00Z`).getUTCDay() + 6) % 7];
    (callVolume.attemptsByHour ?? []).forEach((attempts, hour) => {
      if (!attempts) return;
      row[hour].attempts += attempts;
      row[hour].human += callVolume.humanByHour?.[hour] ?? 0;
      if (!row[hour].day || day > row[hour].day) row[hour].day = day;
    });
  }
  return rows.map((row) => row.map(withShare));
}

function withShare(cell) {
  const { value } = rateOf(cell.human, cell.attempts);
  const known = cell.attempts >= SAMPLE_MIN;
  return { ...cell, value, step: known ? Math.min(4, Math.floor(value / 20)) : null };
}

/** Return how a figure stands against the range before: "+12 %", "-3.1 points", null: unknown. */
export function changeWords(now, then, { points = false } = {}) {
  if (now == null || then == null || (!points && then === 0)) return null;
  const by = points ? now - then : (100 * (now - then)) / then;
  const text = Math.abs(by).toFixed(points ? 1 : 0);
  if (Number(text) === 0) return "as before";
  return `${by > 0 ? "+" : "−"}${text}${points ? " points" : "%"} on before`;
}

/** Return how the cost of each call (by a count in `each`) changed; currencies do not compare. */
export function costChange(now, then, each = () => 1) {
  const [of, before] = [now, then].map((total) => {
    const amounts = costOfPeriod(total?.cost)?.amounts ?? [];
    return amounts.length === 1 && each(total) ? amounts[0] : null;
  });
  if (!of || of[0] !== before?.[0]) return null;
  return changeWords(of[1] / each(now), before[1] / each(then));
}
