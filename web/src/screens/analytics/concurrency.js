/** How many calls at one time through the last day of the range, against the limit. */

import { useRead } from "../../reads.js";
import { count, UNKNOWN } from "../../store/format.js";
import { queryText } from "../../store/route.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";

const EVERY_MS = 60_000;
const HEIGHT = 60;

export function Concurrency({ page, wanted, scope }) {
  const path = `/api/analytics/concurrency${queryText({ day: wanted.to, ...scope })}`;
  const read = useRead(page, path, EVERY_MS);
  return html`<${Panel} id="concurrency" title="Calls at one time" hint=${wanted.to}>
    <${Reading}
      page=${page}
      read=${read}
      what="the calls at one time"
      isEmpty=${({ peak }) => !peak}
      empty=${html`<p>No call on this day.</p>`}
    >
      ${(data) => html`<${Chart} page=${page} ...${data} />`}
    <//>
  <//>`;
}

function Chart({ page, quarters, peak, at, limit }) {
  const { time } = page.board.zone.value;
  const clock = (instant) => time(Date.parse(instant)).slice(0, 5);
  const top = Math.max(peak, limit ?? 0);
  const y = (value) => HEIGHT - (value / top) * HEIGHT;
  const area = quarters.map((quarter, x) => `L${x} ${y(quarter.peak)}L${x + 1} ${y(quarter.peak)}`);
  return html`<div class="panel-body concurrency" data-testid="concurrency" data-value=${peak}>
    <p>
      <b>${count(peak)}</b> at most, ${at ? `at ${clock(at)}` : UNKNOWN}${limit === null
        ? "; no limit is given (CALLBOARD_CONCURRENCY)"
        : `; the limit is ${count(limit)}`}
    </p>
    <svg viewBox=${`0 0 96 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      <path class="concurrency-area" d=${`M0 ${HEIGHT}${area.join("")}L${quarters.length} ${HEIGHT}Z`} />
      ${limit !== null && html`<path class="concurrency-limit" d=${`M0 ${y(limit)}H96`} />`}
    </svg>
    <div class="columns-axis" aria-hidden="true">
      ${["00", "06", "12", "18"].map((hour) => html`<span key=${hour} class="axis-start">${hour}</span>`)}
    </div>
    <div class="visually-hidden">
      <table>
        <caption>Most calls at one time by quarter of an hour</caption>
        <thead><tr><th scope="col">From</th><th scope="col">Most</th></tr></thead>
        <tbody>
          ${quarters.map(
            (quarter) => html`<tr key=${quarter.at}>
              <th scope="row">${clock(quarter.at)}</th>
              <td data-quarter=${quarter.peak}>${count(quarter.peak)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </div>`;
}
