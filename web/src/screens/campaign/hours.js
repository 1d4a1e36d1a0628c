/** A campaign's day: calls by hour beside earlier days, and how many lines it held. */

import { useRead } from "../../reads.js";
import { addDays, dayBegins, hourSpans } from "../../store/days.js";
import { count, plural } from "../../store/format.js";
import { hrefOf, queryText } from "../../store/route.js";
import { hourColumns } from "../../store/today.js";
import { Columns } from "../../views/columns.js";
import { HoursChart } from "../../views/hours.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";
import { useToday } from "../../views/today.js";

const EVERY_MS = 60_000;
const QUARTER_MS = 15 * 60_000;
const NO_HOURS = Array(24).fill(0);

export function Today({ page, id }) {
  const { day, hour, zone } = useToday(page.board);
  const query = queryText({ from: addDays(day, -7), to: day, campaignId: id });
  const read = useRead(page, `/api/analytics/daily${query}`, EVERY_MS);
  const columnsOf = ({ days }) => {
    const hoursOf = (date) => days.find((found) => found.day === date)?.callVolume.byHour;
    return hourColumns({
      byHour: hoursOf(day) ?? NO_HOURS,
      earlier: [-1, -7].map((back) => hoursOf(addDays(day, back)) ?? null),
      // A column leads to its hour's calls: of this campaign alone.
      spans: hourSpans(day, zone).map((span) => span && { ...span, campaign: id }),
      hourNow: hour,
    });
  };
  return html`<${Panel} id="by-hour" title="Calls by hour" testid="by-hour">
    <${Reading} page=${page} read=${read} what="its hours">
      ${(data) => html`<${HoursChart} page=${page} columns=${columnsOf(data)} />`}
    <//>
  <//>`;
}

export function Lines({ page, id }) {
  const { day } = useToday(page.board);
  const query = queryText({ day, campaignId: id });
  const read = useRead(page, `/api/analytics/concurrency${query}`, EVERY_MS);
  return html`<${Panel} id="lines" title="Lines today" testid="concurrency">
    <${Reading} page=${page} read=${read} what="its lines">
      ${(data) => html`<${Peaks} page=${page} id=${id} data=${data} />`}
    <//>
  <//>`;
}

function Peaks({ page, id, data: { day, quarters, peak, at } }) {
  const { time, zone } = page.board.zone.value;
  const clock = (ms) => time(ms).slice(0, 5);
  const [begins, ends] = [day, addDays(day, 1)].map((date) => Date.parse(dayBegins(date, zone)));
  const bars = Array.from({ length: (ends - begins) / QUARTER_MS }, (_, place) => {
    const ms = begins + place * QUARTER_MS;
    return { ...barOf(ms, clock(ms), quarters[place]?.peak, id), isNow: place === quarters.length - 1 };
  });
  return html`<div class="panel-body">
    <p data-field="peak" data-value=${peak ?? ""}>
      <b class="campaign-eta">${count(peak)}</b>${" "}
      <span class="hint">at most at one time${at ? `, at ${clock(Date.parse(at))}` : ""}</span>
    </p>
    <${Columns}
      bars=${bars}
      caption="Most calls at one time, by quarter of an hour"
      head="Quarter"
      unit="Calls at one time"
    />
  </div>`;
}

function barOf(ms, label, peak = null, id) {
  const [since, until] = [ms, ms + QUARTER_MS].map((at) => new Date(at).toISOString());
  return {
    key: ms,
    label,
    axis: /^(00|06|12|18):00/.test(label) ? label.slice(0, 2) : "",
    value: peak,
    title: peak === null ? `${label}: still to come` : `${label}: ${plural(peak, "call")} at one time`,
    href: peak ? hrefOf("calls", { query: { campaign: id, since, until } }) : null,
  };
}
