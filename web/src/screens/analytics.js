/** Any range of days against the one before: rates, hours of the week, durations, failures. */

import { useRead } from "../reads.js";
import { lengthOf, rangeBefore, readRange, totalOf } from "../store/analytics.js";
import { plural } from "../store/format.js";
import { queryText } from "../store/route.js";
import { html } from "../views/html.js";
import { Reading } from "../views/panel.js";
import { useToday } from "../views/today.js";
import { Compare } from "./analytics/compare.js";
import { Concurrency } from "./analytics/concurrency.js";
import { Durations, Hours, Volume } from "./analytics/charts.js";
import { Failures } from "./analytics/failures.js";
import { Funnel } from "./analytics/funnel.js";
import { HeatMap } from "./analytics/heat_map.js";
import { RangePicker } from "./analytics/range.js";
import { Tiles } from "./analytics/tiles.js";

const EVERY_MS = 30_000;

export function AnalyticsScreen({ page }) {
  const { board, address } = page;
  const { day, zone } = useToday(board);
  const wanted = readRange(address.route.value.query, day);
  const scope = wanted.campaign ? { campaignId: wanted.campaign } : {};
  const asked = { from: wanted.from, to: wanted.to, ...scope };
  const read = useRead(page, `/api/analytics/daily${queryText(asked)}`, EVERY_MS);
  const then = wanted.compares && `/api/analytics/daily${queryText({ ...rangeBefore(wanted), ...scope })}`;
  const earlier = useRead(page, then || null);
  const lasted = useRead(page, `/api/analytics/durations${queryText(asked)}`, EVERY_MS);
  const common = { page, wanted, zone, scope, today: day };
  return html`
    <${RangePicker} ...${common} csv=${`/api/analytics/daily.csv${queryText(asked)}`} />
    <${Reading}
      page=${page}
      read=${read}
      what="the figures of these days"
      isEmpty=${({ days }) => days.length === 0}
      empty=${html`<p class="empty-title">No call in ${plural(lengthOf(wanted), "day")}.</p>
        <p>Choose other days, or all campaigns.</p>`}
    >
      ${({ days }) => {
        const total = totalOf(days);
        const before = totalOf(earlier.data?.days ?? []);
        return html`
          <${Tiles} ...${common} total=${total} before=${before} lasted=${lasted.data} at=${read.at} />
          <div class="halves">
            <${Volume} ...${common} total=${total} days=${days} />
            <${Hours} ...${common} total=${total} days=${days} />
          </div>
          <${HeatMap} ...${common} days=${days} />
          <div class="halves">
            <${Funnel} ...${common} total=${total} />
            <${Durations} ...${common} total=${total} lasted=${lasted.data} />
          </div>
        `;
      }}
    <//>
    <${Concurrency} ...${common} highest=${totalOf(read.data?.days ?? [])?.peak} />
    <${Failures} ...${common} />
    <${Compare} board=${board} />
  `;
}
