/** Calls by day and by hour, and how long they lasted. */

import { everyDay, OUTCOMES, stackOf } from "../../store/analytics.js";
import { hourSpans, weekday } from "../../store/days.js";
import { count, plural, span } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { sentence } from "../../store/statuses.js";
import { Columns } from "../../views/columns.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";
import { callsOf, spanHref } from "./links.js";

const AXIS_MAX = 8; // as many dates as a phone has room for
const NAMES = [...OUTCOMES.map(([, word]) => word), "Not ended"];

export function Volume({ wanted, zone, today, days, total }) {
  const shown = everyDay(wanted, days, today);
  const every = Math.ceil(shown.length / AXIS_MAX);
  const bars = shown.map(({ day, figures }, at) => {
    const parts = stackOf(figures);
    const value = figures?.callVolume.total ?? 0;
    const told = parts.flatMap((part, of) => (part ? `${NAMES[of].toLowerCase()} ${count(part)}` : []));
    return {
      key: day,
      label: `${day}, ${weekday(day)}`,
      axis: at % every === 0 ? day.slice(5) : "",
      value,
      parts,
      title: [`${weekday(day)} ${day}: ${plural(value, "call")}`, ...told].join(", "),
      href: value ? spanHref({ wanted, zone }, day, day) : null,
    };
  });
  const { inbound = 0, outbound = 0 } = total.callVolume.byDirection;
  return html`<${Panel} id="by-day" title="Calls by day" hint="by outcome">
    <div class="panel-body">
      <${Columns} bars=${bars} caption="Calls by day" head="Day" unit="Calls" ghostNames=${NAMES} testid="by-day" />
      <p class="campaign-figures">
        ${stackOf(total).map((value, at) => {
          const outcome = OUTCOMES[at]?.[0];
          const words = html`${NAMES[at]} <b>${count(value)}</b>`;
          return value
            ? html`<span key=${at} class=${`figure part part-${at}`} data-field=${outcome} data-value=${value}>
                ${outcome ? html`<a class="plain-link" href=${callsOf({ wanted, zone }, { outcome })}>${words}</a>` : words}
              </span>`
            : null;
        })}
        ${Object.entries({ outbound, inbound }).map(
          ([direction, value]) => html`<a
            key=${direction}
            class="plain-link"
            href=${callsOf({ wanted, zone }, { direction })}
            data-field=${direction}
            data-value=${value}
            >${sentence(direction)} <b>${count(value)}</b></a
          >`,
        )}
      </p>
    </div>
  <//>`;
}

export function Hours({ wanted, zone, total, days }) {
  const { byHour, attemptsByHour = [], humanByHour = [] } = total.callVolume;
  const bars = byHour.map((value, hour) => ({
    key: hour,
    label: clock(hour),
    axis: hour % 3 === 0 ? two(hour) : "",
    value,
    ghosts: [humanByHour[hour]],
    ...latest({ wanted, zone, days, hour }, (opens) =>
      `${clock(hour)}: ${plural(value, "call")}, ${count(attemptsByHour[hour])} attempts, ` +
      `${count(humanByHour[hour])} answered by a person${opens}`,
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
      axis: max ? `${min}–${max}` : `${min}+ s`,
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
