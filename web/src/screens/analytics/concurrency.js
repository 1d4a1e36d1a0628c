/** How many calls at one time through the last day of the range, against the limit. */

import { useRead } from "../../reads.js";
import { addDays, dayBegins, hourSpans } from "../../store/days.js";
import { count, UNKNOWN } from "../../store/format.js";
import { hrefOf, queryText } from "../../store/route.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";

const EVERY_MS = 60_000;
const HEIGHT = 60;
const QUARTER_MS = 900_000;

export function Concurrency({ page, wanted, zone, scope, highest }) {
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
      ${(data) => html`<${Chart} ...${{ page, wanted, zone, highest }} ...${data} />`}
    <//>
  <//>`;
}

function Chart({ page, wanted, zone, highest, quarters, peak, at, limit }) {
  const { time } = page.board.zone.value;
  const clock = (instant) => time(Date.parse(instant)).slice(0, 5);
  const top = Math.max(peak, limit ?? 0);
  const y = (value) => HEIGHT - (value / top) * HEIGHT;
  const begins = Date.parse(dayBegins(wanted.to, zone));
  const xOf = (instant) => (Date.parse(instant) - begins) / QUARTER_MS;
  const width = xOf(dayBegins(addDays(wanted.to, 1), zone)); // 96, or as the clocks have it
  const area = quarters.map((quarter, x) => `L${x} ${y(quarter.peak)}L${x + 1} ${y(quarter.peak)}`);
  return html`<div class="panel-body concurrency" data-testid="concurrency" data-value=${peak}>
    <p>
      <b>${count(peak)}</b> at most, ${at ? `at ${clock(at)}` : UNKNOWN}${limit === null
        ? "; no limit is given (CALLBOARD_CONCURRENCY)"
        : `; the limit is ${count(limit)}`}${highest?.peak > peak &&
      html`<${Highest} ...${highest} campaign=${wanted.campaign} />`}
    </p>
    <svg viewBox=${`0 0 ${width} ${HEIGHT}`} preserveAspectRatio="none" role="group" aria-label="By hour">
      <${Hours} ...${{ wanted, zone, quarters, xOf, clock }} />
      <path class="concurrency-area" d=${`M0 ${HEIGHT}${area.join("")}V${HEIGHT}Z`} />
      ${limit !== null && html`<path class="concurrency-limit" d=${`M0 ${y(limit)}H${width}`} />`}
    </svg>
    <div class="columns-axis" aria-hidden="true">
      ${[0, 1, 2, 3].map(
        (part) => html`<span key=${part} class="axis-start">
          ${time(begins + (part / 4) * width * QUARTER_MS).slice(0, 5)}
        </span>`,
      )}
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

/** The day of the range that had more, and a way to it. */
function Highest({ day, peak, campaign }) {
  const query = { campaign, from: day, to: day };
  return html`; in these days <a href=${hrefOf("analytics", { query })}>${count(peak)} on ${day}</a>`;
}

/** A link for each hour so far: to the calls that began in it. */
function Hours({ wanted, zone, quarters, xOf, clock }) {
  return hourSpans(wanted.to, zone).map((span) => {
    if (!span || xOf(span.since) >= quarters.length) return null;
    const [from, to] = [xOf(span.since), xOf(span.until)];
    const most = Math.max(...quarters.slice(from, to).map(({ peak }) => peak));
    const words = `${clock(span.since)}: ${count(most)} at most; opens the calls that began then`;
    const query = { campaign: wanted.campaign, ...span };
    return html`<a key=${from} class="column" href=${hrefOf("calls", { query })} aria-label=${words}>
      <rect class="column-slot" x=${from} width=${to - from} height=${HEIGHT}><title>${words}</title></rect>
    </a>`;
  });
}
