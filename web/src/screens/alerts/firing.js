/** What is wrong now: the worst first, each with what was seen, what to do and where to look. */

import { askedFor, placeOf } from "../../store/alerts.js";
import { plural, span } from "../../store/format.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel } from "../../views/panel.js";
import { About, Severity, Words } from "./parts.js";

export function Firing({ page, firing, asked, late }) {
  const shown = askedFor(firing, asked);
  const hidden = firing.length - shown.length;
  return html`<${Panel}
    id="firing"
    title="Firing now"
    hint=${hidden ? `${plural(hidden, "other")} hidden by the filters` : ""}
    testid="firing"
  >
    ${shown.length > 0
      ? html`<ul class="firing" data-value=${firing.length}>
          ${shown.map(
            (alert) => html`<${Alert} key=${`${alert.rule}|${alert.label}`} page=${page} alert=${alert} />`,
          )}
        </ul>`
      : html`<p class="empty" data-state="empty">
          <${Icon} name=${hidden || late ? "unknown" : "completed"} /> ${nothing(hidden, late)}
        </p>`}
  <//>`;
}

/** That nothing fires is good only where somebody looks. */
function nothing(hidden, late) {
  if (hidden) return "None of those that fire is asked for.";
  return late ? "Whether an alert should fire is not known." : "No alert fires.";
}

function Alert({ page, alert }) {
  const place = placeOf(alert);
  const { title, seen, advice, severity, state } = alert;
  return html`<li
    class=${`alert alert-${severity}`}
    data-rule=${alert.rule}
    data-label=${alert.label}
    data-severity=${severity}
    data-state=${state}
  >
    <h3><${Severity} severity=${severity} /> ${title} <${About} page=${page} alert=${alert} /></h3>
    <p class="seen">${seen}</p>
    <p class="hint"><${Words} text=${advice} /></p>
    <p class="alert-foot">
      <${Since} board=${page.board} since=${alert.since} />
      ${state === "clearing" &&
      html`<span class="tone-good"><${Icon} name="completed" /> Clearing: good again, not for long enough yet</span>`}
      ${place && html`<a href=${place.href}>Look at ${place.word}</a>`}
    </p>
  </li>`;
}

function Since({ board, since }) {
  const at = Date.parse(since);
  const seconds = Math.max(0, (board.wall.value - at) / 1000);
  return html`<span data-field="since" data-value=${since}>
    Since ${board.zone.value.moment(at, board.wall.value)}, for ${span(Math.floor(seconds))}
  </span>`;
}
