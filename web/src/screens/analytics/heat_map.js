/** When people pick up: the human answer rate by weekday and hour, as a table with colours. */

import { heatMap, SAMPLE_MIN } from "../../store/analytics.js";
import { hourSpans } from "../../store/days.js";
import { count } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));

export function HeatMap({ wanted, zone, days }) {
  const rows = heatMap(days);
  return html`<${Panel}
    id="heat-map"
    title="When people pick up"
    hint="human answer rate in percent"
    actions=${html`<${Legend} />`}
  >
    <div class="table-scroller" tabindex="0" role="region" aria-label="Table of answer rates by hour">
      <table class="heat" data-testid="heat-map">
        <caption class="visually-hidden">Human answer rate by weekday and hour, ${zone}</caption>
        <thead>
          <tr>
            <th scope="col"><span class="visually-hidden">Weekday</span></th>
            ${HOURS.map((hour) => html`<th key=${hour} scope="col">${hour}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (cells, at) => html`<tr key=${at}>
              <th scope="row">${DAYS[at]}</th>
              ${cells.map(
                (cell, hour) => html`<${Cell} key=${hour} ...${{ cell, hour, zone, wanted, day: DAYS[at] }} />`,
              )}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}

function Cell({ cell, hour, day, zone, wanted }) {
  const { attempts, human, value, step } = cell;
  if (value === null) return html`<td data-value=""></td>`;
  const few = step === null ? ", few" : "";
  const words = `%, ${day} ${HOURS[hour]}:00, ${count(human)} of ${count(attempts)}${few}`;
  const shown = Math.round(value);
  const latest = hourSpans(cell.day, zone)[hour];
  const query = { campaign: wanted.campaign, direction: "outbound", ...latest };
  return html`<td
    class=${`heat-cell heat-${step === null ? "few" : `step-${step}`}`}
    data-value=${value}
    data-share=${`${human}/${attempts}`}
  >
    <a href=${hrefOf("calls", { query })} title=${`${shown}${words}`}>
      ${shown}<span class="visually-hidden">${words}</span>
    </a>
  </td>`;
}

function Legend() {
  const steps = ["under 20", "20", "40", "60", "80 %"];
  return html`<span class="heat-legend" aria-hidden="true">
    <span class="heat-cell heat-few">under ${SAMPLE_MIN} calls</span>
    ${steps.map((word, at) => html`<span key=${word} class=${`heat-cell heat-step-${at}`}>${word}</span>`)}
  </span>`;
}
