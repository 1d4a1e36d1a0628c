/** From calls placed to goals met. */

import { funnelOf, rateOf } from "../../store/analytics.js";
import { count, percent } from "../../store/format.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";
import { callsOf } from "./links.js";

export function Funnel({ wanted, zone, total }) {
  const steps = funnelOf(total);
  const [{ value: attempts }] = steps;
  return html`<${Panel} id="funnel" title="From call to goal" hint="share of the step before" testid="funnel">
    <ol class="panel-body bar-list">
      ${steps.map(({ field, word, value, query }, at) => {
        const of = at ? rateOf(value, steps[at - 1].value).value : null;
        const width = attempts ? Math.min(100, (100 * value) / attempts) : 0;
        return html`<li key=${field} data-field=${field} data-value=${value}>
          <a href=${callsOf({ wanted, zone }, query)}>${word}</a>
          <span><b>${count(value)}</b> <span class="hint">${at ? percent(of) : ""}</span></span>
          <svg class="progress" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
            <rect class="progress-rest" width="100" height="1" />
            <rect class="progress-active" width=${width} height="1" />
          </svg>
        </li>`;
      })}
    </ol>
  <//>`;
}
