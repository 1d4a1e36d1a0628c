/** Calls by day and by hour, and how long they lasted. */

import { hourSpans, weekday } from "../../store/days.js";
import { count, plural, span } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { Columns } from "../../views/columns.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";
import { callsOf, spanHref } from "./links.js";

const AXIS_MAX = 14;

export function Volume({ wanted, zone, days }) {
  const every = Math.ceil(days.length / AXIS_MAX);
  const bars = days.map(({ day, callVolume: { total }, contact: { human } }, at) => ({
    key: day,
    label: `${day}, ${weekday(day)}`,
    axis: at % every === 0 ? day.slice(5) : "",
    value: total,
    ghosts: [human],
    title: `${weekday(day)} ${day}: ${plural(total, "call")}, ${count(human)} answered by a person`,
    href: spanHref({ wanted, zone }, day, day),
  }));
  return html`<${Panel} id="by-day" title="Calls by day" hint="line: answered by a person">
    <div class="panel-body">
      <${Columns}
        bars=${bars}
        caption="Calls by day"
        head="Day"
        unit="Calls"
        ghostNames=${["By a person"]}
        testid="by-day"
      />
    </div>
  <//>`;
}

export function Hours({ wanted, zone, total, days }) {
  const { byHour, humanByHour = [] } = total.callVolume;
  const bars = byHour.map((value, hour) => ({
    key: hour,
    label: clock(hour),
    axis: hour % 3 === 0 ? two(hour) : "",
    value,
    ghosts: [humanByHour[hour] ?? 0],
    ...latest({ wanted, zone, days, hour }, (opens) =>
      `${clock(hour)}: ${plural(value, "call")}, ${count(humanByHour[hour])} answered by a person${opens}`,
    ),
  }));
  return html`<${Panel} id="by-hour" title="Calls by hour of the day" hint="line: answered by a person">
    <div class="panel-body">
      <${Columns}
        bars=${bars}
        caption=${`Calls by hour of the day, ${zone}`}
        head="Hour"
        unit="Calls"
        ghostNames=${["By a person"]}
        testid="by-hour"
      />
    </div>
  <//>`;
}

/** A list of calls has no "each day at nine": the bar opens the latest day that has such calls. */
function latest({ wanted, zone, days, hour }, title) {
  const found = days.findLast(({ callVolume }) => callVolume.byHour[hour] > 0);
  if (!found) return { title: title("") };
  const query = { campaign: wanted.campaign, ...hourSpans(found.day, zone)[hour] };
  const opens = days.length > 1 ? `; opens those of ${found.day}` : "";
  return { title: title(opens), href: hrefOf("calls", { query }) };
}

export function Durations({ wanted, zone, total, lasted }) {
  const bars = Object.entries(total.duration.buckets).map(([name, value]) => {
    const [min, max] = name.split(/[-+]/);
    const words = max ? `${min} to ${max} s` : `${min} s and more`;
    return {
      key: name,
      label: words,
      axis: max ? `${min}–${max} s` : `${min} s+`,
      value,
      title: `${words}: ${plural(value, "call")}`,
      href: callsOf({ wanted, zone }, { status: "completed", min, max }),
    };
  });
  const { p50, p90, p99 } = lasted?.percentiles ?? {};
  const hint = lasted?.count
    ? `half under ${span(p50)}, 90 % under ${span(p90)}, 99 % under ${span(p99)}`
    : "completed calls";
  return html`<${Panel} id="durations" title="How long calls last" hint=${hint}>
    <div class="panel-body">
      <${Columns} bars=${bars} caption="Completed calls by talk time" head="Talk time" unit="Calls" testid="durations" />
    </div>
  <//>`;
}

function clock(hour) {
  return `${two(hour)}:00–${two((hour + 1) % 24)}:00`;
}

function two(value) {
  return String(value).padStart(2, "0");
}
