/** The figures of a campaign since it began; each leads to its calls. */

import { costText, costValue } from "../../store/campaigns.js";
import { FAILED_STATUSES } from "../../store/causes.js";
import { count, percent, span } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { LIVE_STATUSES } from "../../store/statuses.js";
import { costOfPeriod } from "../../store/today.js";
import { html } from "../../views/html.js";
import { Stat } from "../../views/stat.js";

export function Tiles({ page, id, status }) {
  const { board } = page;
  const { contact, rates, evaluation, completedCalls: completed, failedCalls: failed } = status;
  const live = board.live.value?.filter(({ campaignId }) => campaignId === id).length;
  const active = live ?? status.activeCalls;
  const talk = completed ? status.totalDuration / completed : null;
  const cost = costOfPeriod(status.cost);
  const { success } = evaluation;
  const each = costValue(cost, success);
  const out = { direction: "outbound" };
  const tile = (name, label, value, text, small, query, definition, share, window = "since it began") => html`<${Stat}
    board=${board}
    name=${name}
    label=${label}
    value=${value}
    text=${text}
    small=${small}
    href=${hrefOf("calls", { query: { campaign: id, ...query } })}
    explain=${{ definition, share, window, at: board.changedAt.peek() }}
  />`;
  const rate = (name, label, key, of, query, definition) => {
    const { numerator, denominator, value } = rates[key];
    const small = `${count(numerator)} of ${count(denominator)} ${of}`;
    return tile(name, label, value, percent(value), small, query, definition, [numerator, denominator]);
  };
  const ended = completed + failed;
  return html`<dl class="tiles campaign-tiles">
      ${tile("attempts", "Attempts", contact.attempts, count(contact.attempts),
        `${count(status.totalCalls)} calls in all`, out,
        "Calls we placed that left the queue.")}
      ${rate("humanRate", "Human answer rate", "human", "attempts", { ...out, outcome: "human" },
        "Attempts that a person answered.")}
      ${rate("voicemailRate", "Voicemail rate", "voicemail", "answered", { ...out, outcome: "voicemail" },
        "Answered attempts that voicemail took.")}
      ${rate("successRate", "Success rate", "success", "judged", { success: "true" },
        "Conversations that ElevenLabs judged a success.")}
      ${tile("unsuccessful", "Unsuccessful", failed, count(failed),
        `of ${count(ended)} ended`, { status: FAILED_STATUSES.join(",") },
        "Calls that ended busy, without answer, failed or canceled, of all that ended.",
        [failed, ended])}
      ${tile("talkTime", "Average talk time", talk, span(talk),
        completed ? `${span(status.totalDuration)} in all` : "", { status: "completed" },
        "Talk time of completed calls, divided by their number.")}
      ${tile("costPerSuccess", "Cost per success", each,
        costText(cost, success),
        cost ? `${costText(cost)} in all` : "no price told yet", { success: "true" },
        "What both vendors told of its calls so far, divided by its successes.")}
      ${tile("activeNow", "Active now", active, count(active), "",
        { status: LIVE_STATUSES.join(",") },
        "Its calls that are dialing, ringing or in progress.", null, "this moment")}
  </dl>`;
}
