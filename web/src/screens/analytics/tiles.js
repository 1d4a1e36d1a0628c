/** The figures of the range, each with what it is made of and how it was before. */

import { changeWords, costChange, ratesOf, SAMPLE_MIN, talkTime } from "../../store/analytics.js";
import { count, percent, span, UNKNOWN } from "../../store/format.js";
import { amountsWords, costOfPeriod } from "../../store/today.js";
import { html } from "../../views/html.js";
import { Stat } from "../../views/stat.js";
import { callsOf } from "./links.js";

const SHORT_MAX = 15; // percent: above it carriers trust a number less (Twilio)

const OUTBOUND = { direction: "outbound" };
const RATES = [
  ["answerRate", "Answer rate", "Calls that were answered, by a person or a machine, of the calls we placed.", { ...OUTBOUND, status: "completed,in-progress" }],
  ["humanRate", "Human answer rate", "Calls that a person answered, of the calls we placed.", { ...OUTBOUND, outcome: "human" }],
  ["voicemailRate", "Voicemail rate", "Calls that a machine answered, of those that were answered.", { ...OUTBOUND, outcome: "voicemail" }],
  ["successRate", "Success rate", "Conversations judged a success, of those ElevenLabs could judge.", { success: "true" }],
  ["failureRate", "Failure rate", "Calls that failed, of all calls.", { status: "failed" }],
  ["shortShare", "Short calls", "Completed calls under 10 s. Above 15 % carriers trust a number less.", { status: "completed", max: 10 }],
  ["engagedShare", "Engaged calls", "Completed calls of a minute and more.", { status: "completed", min: 60 }],
];

const TOLD =
  "What both vendors have told so far. Currencies are never added up, and credits are no money.";
const COSTS = [
  ["cost", "Cost", "All calls.", undefined, {}],
  ["humanCost", "Cost per person", "All calls, by those a person answered.", ({ contact }) => contact.human, { ...OUTBOUND, outcome: "human" }],
  ["successCost", "Cost per success", "All calls, by the conversations judged a success.", ({ evaluation }) => evaluation.success, { success: "true" }],
];

export function Tiles({ page, wanted, zone, today, total, before, lasted, at }) {
  const { board } = page;
  const rates = ratesOf(total);
  const earlier = before && ratesOf(before);
  const covers = `${wanted.from} to ${wanted.to}, ${zone}`;
  const common = { board, loading: false };
  const told = (definition, share) => ({ definition, share, window: covers, at });
  const calls = (query) => callsOf({ wanted, zone }, query);
  const { total: all } = total.callVolume;
  // A day that goes on is no match for a whole one: rates compare, counts do not.
  const goesOn = wanted.to >= today;
  return html`<dl class="tiles analytics-tiles">
    <${Stat}
      ...${common}
      name="calls"
      label="Calls"
      value=${all}
      text=${count(all)}
      small=${goesOn ? "today goes on" : changeWords(all, before?.callVolume.total)}
      href=${calls({})}
      explain=${told("Calls that began in these days, both ways.")}
    />
    ${RATES.map(
      ([name, label, definition, query]) => html`<${Stat}
        ...${common}
        key=${name}
        name=${name}
        label=${label}
        value=${rates[name].value}
        text=${percent(rates[name].value)}
        tone=${name === "shortShare" && rates[name].value > SHORT_MAX ? "warn" : null}
        small=${smallOf(name, rates[name], earlier?.[name], total)}
        href=${calls(query)}
        explain=${told(definition, rates[name].share)}
      />`,
    )}
    <${TalkTime} ...${{ common, total, before, lasted, told, calls }} />
    ${COSTS.map(
      ([name, label, definition, each, query]) => html`<${Cost}
        ...${{ common, name, label, each, total, before }}
        key=${name}
        goesOn=${goesOn && !each}
        href=${calls(query)}
        explain=${told(`${definition} ${TOLD}`)}
      />`,
    )}
  </dl>`;
}

function smallOf(name, { share, value }, earlier, total) {
  const words = [changeWords(value, earlier?.value, { points: true })];
  if (share[1] > 0 && share[1] < SAMPLE_MIN) words.unshift(`only ${count(share[1])} calls`);
  if (name === "successRate") words.unshift(`${count(share[1])} of ${count(total.duration.count)} judged`);
  return words.filter(Boolean).join(" · ") || `${count(share[0])} of ${count(share[1])}`;
}

function TalkTime({ common, total, before, lasted, told, calls }) {
  const value = talkTime(total);
  const { p50, p95 } = lasted?.percentiles ?? {};
  return html`<${Stat}
    ...${common}
    name="talkTime"
    label="Average talk time"
    value=${value}
    text=${span(value)}
    small=${[
      lasted?.count && `median ${span(p50)}, 95 % under ${span(p95)}`,
      changeWords(value, before && talkTime(before)),
    ]
      .filter(Boolean)
      .join(" · ")}
    href=${calls({ status: "completed" })}
    explain=${told("Talk time of all calls, divided by the completed ones.")}
  />`;
}

/** Money by currency, all of it or for each of what `each` counts. */
function Cost({ common, name, label, each, total, before, goesOn, href, explain }) {
  const calls = each ? each(total) : 1;
  const { amounts = [] } = costOfPeriod(total.cost) ?? {};
  const text = amountsWords(amounts, calls);
  return html`<${Stat}
    ...${common}
    name=${name}
    label=${label}
    value=${text && amounts.map(([unit, amount]) => `${amount / calls} ${unit}`).join(";")}
    text=${text ?? UNKNOWN}
    small=${goesOn ? "today goes on" : costChange(total, before, each)}
    href=${href}
    explain=${explain}
  />`;
}
