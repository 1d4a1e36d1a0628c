/** From dialled numbers to successes, and why calls failed on the way. */

import { failuresOf, funnelOf } from "../../store/campaigns.js";
import { hrefOf } from "../../store/route.js";
import { hintOf } from "../../store/sip.js";
import { Bar } from "../../views/bar.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

export function Funnel({ id, status }) {
  const steps = funnelOf(status);
  const [{ value: attempts }] = steps;
  return html`<${Panel} id="funnel" title="Funnel" hint="since it began" testid="funnel">
    <ol class="panel-body bar-list">
      ${steps.map(
        ({ field, word, value, query }) => html`<${Bar}
          key=${field}
          field=${field}
          word=${word}
          value=${value}
          whole=${attempts}
          href=${hrefOf("calls", { query: { campaign: id, ...query } })}
        />`,
      )}
    </ol>
  <//>`;
}

export function Failures({ id, status }) {
  const rows = failuresOf(status);
  const { total } = status.failures;
  return html`<${Panel} id="failures" title="Failed calls" hint="by SIP code" testid="failures">
    ${rows.length === 0
      ? html`<p class="empty" data-state="empty">No SIP code told.</p>`
      : html`<ol class="panel-body bar-list">
          ${rows.map(([sip, calls]) => {
            const hint = hintOf(sip);
            return html`<${Bar}
              key=${sip}
              field=${sip}
              word=${hint ? `${sip} ${hint}` : sip}
              value=${calls}
              whole=${total}
              tone="failed"
              href=${hrefOf("calls", { query: { campaign: id, status: "failed", sip } })}
            />`;
          })}
        </ol>`}
  <//>`;
}
