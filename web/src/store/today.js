/** Today's figures beside those of earlier days, hour by hour, and what they cost. */

import { money } from "./costs.js";
import { count, percent, plural } from "./format.js";

/**
 * Return the hours of a day as columns: `{hour, value, ghosts, span, isNow}`.
 *
 * `earlier` are the hours of other days, null for a day nobody knows; `spans` each hour's
 * instants. Hours that are still to come have no value.
 */
export function hourColumns({ byHour, earlier, spans, hourNow }) {
  return byHour.map((value, hour) => ({
    hour,
    value: hour > hourNow && !value ? null : value,
    ghosts: earlier.map((hours) => hours?.[hour] ?? null),
    span: spans[hour],
    isNow: hour === hourNow,
  }));
}

/**
 * Compare today with another day up to the last full hour: `{now, then}`, null when there is
 * nothing to compare. The hour under way is left out: half of it is no match for a whole one.
 */
export function sameTime(byHour, other, hourNow) {
  if (!byHour || !other || hourNow < 1) return null;
  const [now, then] = [byHour, other].map((hours) => sum(hours.slice(0, hourNow)));
  return now || then ? { now, then } : null;
}

/** Return a comparison in words: "12% more than yesterday by 14:00 (130 against 116)". */
export function comparedWords({ now, then }, dayWords, hourNow) {
  const by = `by ${two(hourNow)}:00 (${count(now)} against ${count(then)})`;
  if (now === then) return `as many as ${dayWords} ${by}`;
  if (then === 0) return `${plural(now, "call")} more than ${dayWords} ${by}`;
  const share = percent((100 * Math.abs(now - then)) / then);
  return `${share} ${now > then ? "more" : "fewer"} than ${dayWords} ${by}`;
}

/** Return the share of human answers in each hour, percent; null where nothing was attempted. */
export function humanShares(humanByHour, attemptsByHour) {
  if (!humanByHour || !attemptsByHour) return null;
  return attemptsByHour.map((tried, hour) => (tried ? (100 * humanByHour[hour]) / tried : null));
}

/**
 * Return what a period cost: `{amounts: [[currency, amount]], credits}`, null when nobody has
 * told a price. Both vendors' money of one currency is one amount; currencies are never summed,
 * and credits are no money.
 */
export function costOfPeriod(cost) {
  const amounts = new Map();
  let credits = null;
  for (const told of Object.values(cost ?? {})) {
    for (const [unit, amount] of Object.entries(told)) {
      if (unit === "credits") credits = (credits ?? 0) + amount;
      else amounts.set(unit, (amounts.get(unit) ?? 0) + amount);
    }
  }
  if (amounts.size === 0 && credits === null) return null;
  return { amounts: [...amounts].sort(([a], [b]) => (a < b ? -1 : 1)), credits };
}

/** Return amounts of money in words, divided by a number of calls; null when there are none. */
export function amountsWords(amounts, calls = 1) {
  if (!amounts?.length || !calls) return null;
  return amounts.map(([unit, amount]) => money(rounded(amount / calls), unit)).join(" + ");
}

// A day's sum in cents; below ten cents what each call costs needs their hundredths.
function rounded(amount) {
  return Number(amount.toFixed(Math.abs(amount) < 0.1 ? 4 : 2));
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

function two(value) {
  return String(value).padStart(2, "0");
}
