/** Today's calls by hour, with the same hours of yesterday and of a week ago behind them. */

import { useRead } from "../reads.js";
import { addDays, hourSpans, weekday } from "../store/days.js";
import { plural, UNKNOWN } from "../store/format.js";
import { hrefOf } from "../store/route.js";
import { comparedWords, hourColumns, sameTime } from "../store/today.js";
import { Columns } from "./columns.js";
import { html } from "./html.js";
import { Panel } from "./panel.js";
import { useToday } from "./today.js";

// Closed days hardly change: a price or an evaluation may still come.
const EARLIER_EVERY_MS = 10 * 60_000;

export function Hours({ page }) {
  const { columns, words } = useHours(page);
  if (!columns) return null;
  return html`<${Panel} id="hours" title="Calls by hour" hint=${words.join("; ")} className="hours">
    <${HoursChart} page=${page} columns=${columns} />
  <//>`;
}

/** The chart and what its lines mean; each column leads to its calls. */
export function HoursChart({ page, columns }) {
  const { day, hour, zone } = useToday(page.board);
  const lastWeek = `last ${weekday(day)}`;
  const bars = columns.map((column) => describeBar(column, hour, lastWeek));
  return html`<div class="panel-body hours-body">
    <${Columns}
      bars=${bars}
      caption=${`Calls that began today, by hour, ${zone}`}
      head="Hour"
      unit="Calls"
      ghostNames=${["Yesterday", sentence(lastWeek)]}
      testid="hours"
    />
    <ul class="hours-key" aria-hidden="true">
      <li class="key-now">today</li>
      <li class="key-0">yesterday</li>
      <li class="key-1">${lastWeek}</li>
    </ul>
  </div>`;
}

/** Return today's hours as columns (null while unknown) and how they compare, in sentences. */
export function useHours(page) {
  const byHour = page.board.summary.value?.byHour;
  const { day, hour, zone } = useToday(page.board);
  const [weekAgo, yesterday] = [addDays(day, -7), addDays(day, -1)];
  const path = `/api/analytics/daily?from=${weekAgo}&to=${yesterday}`;
  const { data } = useRead(page, path, EARLIER_EVERY_MS);
  if (!byHour) return { columns: null, words: [] };
  const hoursOf = (date) => data?.days.find((found) => found.day === date)?.callVolume.byHour ?? null;
  const earlier = [hoursOf(yesterday), hoursOf(weekAgo)];
  const names = ["yesterday", `last ${weekday(day)}`];
  const words = earlier.flatMap((hours, at) => {
    const compared = sameTime(byHour, hours, hour);
    return compared ? [comparedWords(compared, names[at], hour)] : [];
  });
  const spans = hourSpans(day, zone);
  return { columns: hourColumns({ byHour, earlier, spans, hourNow: hour }), words };
}

function describeBar({ hour, value, ghosts, span, isNow }, hourNow, lastWeek) {
  const label = `${two(hour)}:00–${two((hour + 1) % 24)}:00`;
  const [yesterday, weekAgo] = ghosts.map((ghost) => ghost ?? UNKNOWN);
  const today = value === null ? "still to come" : plural(value, "call");
  return {
    key: hour,
    label: isNow ? `${label}, now` : label,
    axis: axisLabel(hour, hourNow),
    value,
    ghosts,
    isNow,
    title: `${label}: ${today}; yesterday ${yesterday}, ${lastWeek} ${weekAgo}`,
    href: value === null || span === null ? null : hrefOf("calls", { query: span }),
  };
}

/** Every third hour and the present one, which needs its neighbours' room on a phone. */
function axisLabel(hour, hourNow) {
  if (hour === hourNow) return two(hour);
  return hour % 3 === 0 && Math.abs(hour - hourNow) > 1 ? two(hour) : "";
}

function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function two(value) {
  return String(value).padStart(2, "0");
}
