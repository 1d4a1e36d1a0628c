/** Today's calls by hour: bars for the eye, the same figures as a table for everyone else. */

import { hourBars } from "../store/figures.js";
import { count, plural } from "../store/format.js";
import { html } from "./html.js";

const BAR_HEIGHT = 44;
const SLOT = 10;

export function Hours({ board }) {
  const byHour = board.summary.value?.byHour;
  if (!byHour) return null;
  const { zone, hour } = board.zone.value;
  const hourNow = hour(board.wall.value);
  const bars = hourBars(byHour, hourNow);
  const peak = bars.find((bar) => bar.isPeak);
  return html`<figure class="hours panel">
    <figcaption>
      <h2>Calls by hour</h2>
      <span class="hint">
        ${peak ? `busiest ${clock(peak.hour)}, ${plural(peak.calls, "call")}` : "none yet today"}
      </span>
    </figcaption>
    <div class="hours-chart" aria-hidden="true">
      <svg viewBox=${`0 0 ${24 * SLOT} ${BAR_HEIGHT}`} preserveAspectRatio="none">
        ${bars.map((bar) => html`<${Bar} key=${bar.hour} ...${bar} />`)}
      </svg>
      <div class="hours-axis">
        ${bars.map(
          ({ hour: at, isNow }) =>
            html`<span key=${at} class=${isNow ? "is-now" : ""}>${axisLabel(at, hourNow)}</span>`,
        )}
      </div>
    </div>
    <div class="visually-hidden"><table>
      <caption>Calls that began today, by hour, ${zone}</caption>
      <thead><tr><th scope="col">Hour</th><th scope="col">Calls</th></tr></thead>
      <tbody>
        ${bars.map(
          (bar) => html`<tr key=${bar.hour}>
            <th scope="row">${clock(bar.hour)}${bar.isNow ? ", now" : ""}</th>
            <td>${count(bar.calls)}</td>
          </tr>`,
        )}
      </tbody>
    </table></div>
  </figure>`;
}

function Bar({ hour, calls, share, isNow }) {
  // An hour with any call shows at least a sliver: one must be told from none.
  const height = calls ? Math.max(2, share * BAR_HEIGHT) : 0;
  const x = hour * SLOT;
  return html`<g class=${isNow ? "hour is-now" : "hour"}>
    <rect class="hour-slot" x=${x + 1} y="0" width=${SLOT - 2} height=${BAR_HEIGHT}>
      <title>${clock(hour)}–${clock((hour + 1) % 24)}: ${plural(calls, "call")}</title>
    </rect>
    <rect class="hour-bar" x=${x + 1} y=${BAR_HEIGHT - height} width=${SLOT - 2} height=${height} />
  </g>`;
}

/** Every third hour and the present one, which needs its neighbours' room on a phone. */
function axisLabel(hour, hourNow) {
  if (hour === hourNow) return two(hour);
  return hour % 3 === 0 && Math.abs(hour - hourNow) > 1 ? two(hour) : "";
}

function clock(hour) {
  return `${two(hour)}:00`;
}

function two(value) {
  return String(value).padStart(2, "0");
}
