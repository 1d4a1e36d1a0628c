/** From calls placed to goals met. */

import { rateOf } from "../../store/analytics.js";
import { funnelOf } from "../../store/campaigns.js";
import { percent } from "../../store/format.js";
import { Bar } from "../../views/bar.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";
import { callsOf } from "./links.js";

export function Funnel({ wanted, zone, total }) {
  const steps = funnelOf(total);
  const [{ value: whole }] = steps;
  const share = (value, of) => percent(rateOf(value, of).value);
  return html`<${Panel}
    id="funnel"
    title="From call to goal"
    hint="share of the step before, and of the attempts"
    testid="funnel"
  >
    <ol class="panel-body bar-list">
      ${steps.map(({ field, word, value, query }, at) => html`<${Bar}
        key=${field}
        ...${{ field, word, value, whole }}
        note=${at ? `${share(value, steps[at - 1].value)} · ${share(value, whole)}` : ""}
        href=${callsOf({ wanted, zone }, query)}
      />`)}
    </ol>
  <//>`;
}
