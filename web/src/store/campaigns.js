/** Campaigns as lists show them: which, in what order, and the figures of one. */

import { isRunning, progressOf } from "./figures.js";
import { UNKNOWN } from "./format.js";
import { amountsWords, costOfPeriod } from "./today.js";

/** The icon of each state. */
export const ICONS = {
  active: "resume",
  paused: "pause",
  draft: "queued",
  completed: "completed",
  unknown: "unknown",
};

export const STATES = Object.keys(ICONS);

const share = (campaign) => {
  const { ended, total } = progressOf(campaign);
  return total ? ended / total : null;
};

// What each column is sorted by; words from A on, figures from the largest.
const VALUES = {
  name: ({ name }) => name,
  state: ({ status }) => status,
  progress: share,
  contacts: ({ totalContacts }) => totalContacts,
  attempts: ({ contact }) => contact.attempts,
  active: ({ activeCalls }) => activeCalls,
  human: ({ rates }) => rates.human.value,
  success: ({ rates }) => rates.success.value,
  unsuccessful: ({ failedCalls }) => failedCalls,
  cost: ({ cost }) => costOfPeriod(cost)?.amounts[0]?.[1] ?? null,
};

const WORDS = new Set(["name", "state"]);

/** Return `{q, state, column, descending}` of a query; nonsense is ignored, null is no order. */
export function readList({ q = "", state = "", sort = "" }) {
  const [column, way] = sort.split(":");
  const isColumn = Object.hasOwn(VALUES, column);
  return {
    q: q.trim().toLowerCase(),
    state: STATES.includes(state) ? state : "",
    column: isColumn ? column : null,
    descending: way === "desc",
  };
}

/** Return the `sort` of a query after a press on a column's head; null for a column without. */
export function nextSort({ column: sorted, descending }, column) {
  if (!Object.hasOwn(VALUES, column)) return null;
  const down = sorted === column ? !descending : !WORDS.has(column);
  return `${column}:${down ? "desc" : "asc"}`;
}

/** Return the campaigns that are asked for, in order; what is unknown comes last. */
export function listed(campaigns, { q, state, column, descending }) {
  const found = campaigns.filter(
    ({ name, campaignId, status }) =>
      (!state || status === state) && `${name}\n${campaignId}`.toLowerCase().includes(q),
  );
  if (column === null) return found;
  const valueOf = VALUES[column];
  const way = descending ? -1 : 1;
  return found.sort((a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)];
    if (left === null || right === null) return (left === null) - (right === null);
    return way * (typeof left === "string" ? left.localeCompare(right) : left - right);
  });
}

/** Return the ids of the first running ones: each forecast is a read of its own. */
export function foretold(campaigns, most) {
  const running = campaigns.filter(isRunning).slice(0, most);
  return new Set(running.map(({ campaignId }) => campaignId));
}

/** Return the newer of what came by socket and what was read. */
export function newest(live, read) {
  if (!live || !read) return live ?? read;
  return live.last_updated >= read.last_updated ? live : read;
}

/** Return what one success cost so far, or all calls with `calls` 1: bare, for machines. */
export function costValue(cost, calls = 1) {
  if (!cost || !calls) return null;
  const amounts = cost.amounts.map(([unit, amount]) => `${Number((amount / calls).toFixed(4))} ${unit}`);
  return amounts.join(";") || `${Math.round(cost.credits / calls)} credits`;
}

/** Return the same as people read it. */
export function costText(cost, calls = 1) {
  return amountsWords(cost?.amounts, calls) ?? costValue(cost, calls) ?? UNKNOWN;
}

/** Return the steps from a dialled number to a success: `{field, word, value, query}`. */
export function funnelOf({ contact, evaluation }) {
  const out = { direction: "outbound" };
  return [
    { field: "attempts", word: "Attempts", value: contact.attempts, query: out },
    { field: "answered", word: "Answered", value: contact.answered, query: { ...out, status: "completed,in-progress" } },
    { field: "human", word: "By a person", value: contact.human, query: { ...out, outcome: "human" } },
    { field: "success", word: "Success", value: evaluation.success, query: { success: "true" } },
  ];
}

/** Return failed calls by SIP code, the most frequent first: `[code, calls]`. */
export function failuresOf({ failures }) {
  return Object.entries(failures.bySipCode).sort(([a, x], [b, y]) => y - x || a - b);
}

/** What limits a forecast, in a sentence each. */
export const LIMITS = {
  cps: "Held back by calls per second.",
  concurrency: "Held back by lines at one time.",
  rate: "At its pace of the last 15 minutes; the account would allow more.",
};

/** Yield the documents of a stream of JSON lines, which come in pieces. */
export async function* jsonLines(reader) {
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const lines = rest.split("\n");
    rest = done ? "" : lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) return;
  }
}
