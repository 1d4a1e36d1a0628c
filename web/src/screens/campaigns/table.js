/** Every campaign in a row: sorted by a press on a column's head; on a phone a card each. */

import { costText, costValue, foretold, nextSort } from "../../store/campaigns.js";
import { progressOf } from "../../store/figures.js";
import { count, percent, UNKNOWN } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { costOfPeriod } from "../../store/today.js";
import { Eta, Progress, shareCell } from "../../views/campaigns.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { CampaignState } from "./parts.js";

const FORECASTS_MAX = 10;

const COLUMNS = [
  ["name", "Campaign"],
  ["state", "State"],
  ["progress", "Progress"],
  ["contacts", "Contacts", true],
  ["attempts", "Attempts", true],
  ["active", "Active", true],
  ["human", "Human rate", true],
  ["success", "Success rate", true],
  ["unsuccessful", "Unsuccessful", true],
  ["cost", "Cost so far", true],
  ["eta", "Done"],
];

export function Table({ page, rows, wish }) {
  const known = foretold(rows, FORECASTS_MAX);
  return html`<div class="table-scroller" tabindex="0" role="region" aria-label="Table of campaigns">
    <table class="table told campaign-table">
      <caption class="visually-hidden">Campaigns</caption>
      <thead>
        <tr>
          ${COLUMNS.map(
            ([name, label, isFigure]) =>
              html`<${Head} key=${name} ...${{ page, name, label, isFigure, wish }} />`,
          )}
        </tr>
      </thead>
      <tbody>
        ${rows.map((row) => {
          const id = row.campaignId;
          return html`<${Row} key=${id} page=${page} row=${row} foretold=${known.has(id)} />`;
        })}
      </tbody>
    </table>
  </div>`;
}

function Head({ page, name, label, isFigure, wish }) {
  const next = nextSort(wish, name);
  if (next === null) return html`<th scope="col">${label}</th>`;
  const { column, descending } = wish;
  const way = descending ? "descending" : "ascending";
  const sorted = column === name;
  return html`<th scope="col" class=${isFigure ? "number" : null} aria-sort=${sorted ? way : null}>
    <button type="button" class="sort" onClick=${() => page.address.set({ sort: next })}>
      ${label}${sorted && html`<${Icon} name=${descending ? "down" : "up"} />`}
    </button>
  </th>`;
}

function Row({ page, row, foretold }) {
  const { campaignId: id, name, status, rates } = row;
  const progress = progressOf(row);
  const done = progress.total ? (100 * progress.ended) / progress.total : null;
  const cost = costOfPeriod(row.cost);
  const cells = {
    state: [status, html`<${CampaignState} state=${status} />`],
    progress: [
      done,
      html`<span class="campaign-progress"><${Progress} ...${progress} />${percent(done)}</span>`,
    ],
    contacts: [row.totalContacts],
    attempts: [row.contact.attempts],
    active: [row.activeCalls],
    human: shareCell(rates.human),
    success: shareCell(rates.success),
    unsuccessful: [row.failedCalls],
    cost: [costValue(cost), costText(cost)],
  };
  return html`<tr data-campaign=${id}>
    <th scope="row" data-field="name" data-value=${name}>
      <a href=${hrefOf("campaign", { id })} title=${id}>${name}</a>
    </th>
    ${COLUMNS.slice(1, -1).map(([field, label, isFigure]) => {
      const [value, text = count(value)] = cells[field];
      return html`<td
        key=${field}
        class=${isFigure ? "number" : null}
        data-th=${label}
        data-field=${field}
        data-value=${value ?? ""}
      >
        ${text}
      </td>`;
    })}
    <td data-th="Done">${foretold ? html`<${Eta} page=${page} id=${id} />` : UNKNOWN}</td>
  </tr>`;
}
