/** From dialled numbers to successes, and why calls failed on the way. */

import { failuresOf, funnelOf } from "../../store/campaigns.js";
import { count, percent } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { hintOf } from "../../store/sip.js";
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

function Bar({ field, word, value, whole, tone = "active", href }) {
  const share = whole ? (100 * value) / whole : null;
  return html`<li data-field=${field} data-value=${value}>
    <a href=${href}>${word}</a>
    <span><b>${count(value)}</b> <span class="hint">${percent(share)}</span></span>
    <svg class="progress" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect class="progress-rest" width="100" height="1" />
      <rect class=${`progress-${tone}`} width=${Math.min(100, share ?? 0)} height="1" />
    </svg>
  </li>`;
}
