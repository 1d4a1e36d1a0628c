/** Campaigns side by side: how many people they reach, how well, and at what price. */

import { costText, costValue } from "../../store/campaigns.js";
import { count } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { costOfPeriod } from "../../store/today.js";
import { shareCell } from "../../views/campaigns.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

const SHOWN_MAX = 20;
const LABELS = ["Attempts", "Human answer rate", "Success rate", "Cost per success"];

export function Compare({ board }) {
  const campaigns = board.campaigns.value ?? [];
  const rows = [...campaigns].sort((a, b) => b.contact.attempts - a.contact.attempts).slice(0, SHOWN_MAX);
  if (rows.length === 0) return null;
  return html`<${Panel}
    id="compare"
    title="Campaigns compared"
    hint=${`each since it began${rows.length < campaigns.length ? `; the ${SHOWN_MAX} largest` : ""}`}
    testid="compare"
  >
    <div class="table-scroller" tabindex="0" role="region" aria-label="Table of campaigns compared">
      <table class="table told">
        <caption class="visually-hidden">Campaigns compared</caption>
        <thead>
          <tr>
            <th scope="col">Campaign</th>
            ${LABELS.map((label) => html`<th key=${label} scope="col" class="number">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map((row) => html`<${Row} key=${row.campaignId} ...${row} />`)}
        </tbody>
      </table>
    </div>
  <//>`;
}

function Row({ campaignId, name, contact, rates, evaluation, cost }) {
  const spent = costOfPeriod(cost);
  const cells = [
    [contact.attempts, count(contact.attempts)],
    shareCell(rates.human),
    shareCell(rates.success),
    [costValue(spent, evaluation.success), costText(spent, evaluation.success)],
  ];
  return html`<tr data-campaign=${campaignId}>
    <th scope="row"><a href=${hrefOf("calls", { query: { campaign: campaignId } })}>${name}</a></th>
    ${cells.map(
      ([value, text], at) => html`<td key=${at} class="number" data-th=${LABELS[at]} data-value=${value ?? ""}>${text}</td>`,
    )}
  </tr>`;
}
