/** How far a campaign has come, and when it will be done. */

import { useRead } from "../../reads.js";
import { LIMITS } from "../../store/campaigns.js";
import { etaWords } from "../../store/eta.js";
import { progressOf } from "../../store/figures.js";
import { count, plural } from "../../store/format.js";
import { Figure, Progress } from "../../views/campaigns.js";
import { html } from "../../views/html.js";
import { Panel, Reading } from "../../views/panel.js";

const EVERY_MS = 30_000;
const LEGEND = [
  ["completed", "completed"],
  ["failed", "unsuccessful"],
  ["active", "active"],
];

export function ProgressPanel({ page, path, status }) {
  const progress = progressOf(status);
  const read = useRead(page, `${path}/forecast`, EVERY_MS);
  const { uncalled = null, queued = null } = read.data?.remaining ?? {};
  const { totalContacts: contacts } = status;
  const of = contacts === null ? plural(progress.total, "call") : plural(contacts, "contact");
  return html`<div class="campaign-pair">
    <${Panel} id="progress" title="Progress" hint=${`of ${of}`} testid="progress">
      <div class="panel-body campaign-body">
        <${Progress} ...${progress} />
        <ul class="campaign-figures">
          ${LEGEND.map(
            ([field, word]) =>
              html`<${Figure} key=${field} field=${field} word=${word} value=${progress[field]} />`,
          )}
        </ul>
        <dl class="campaign-facts">
          <${Fact} field="uncalled" word="Uncalled contacts" value=${uncalled} />
          <${Fact} field="queued" word="Queued calls" value=${queued} />
        </dl>
      </div>
    <//>
    <${Panel} id="eta" title="When it will be done" testid="eta">
      <${Reading} page=${page} read=${read} what="the forecast">
        ${(forecast) => html`<${Forecast} page=${page} status=${status} forecast=${forecast} at=${read.at} />`}
      <//>
    <//>
  </div>`;
}

function Forecast({ page, status, forecast, at }) {
  const { moment } = page.board.zone.value;
  const { eta, remaining, caps, perMinute } = forecast;
  const words = etaWords(forecast, (ms) => moment(ms, at));
  const limit = eta && LIMITS[forecast.binding];
  // Who completes a campaign may leave contacts that were never called.
  const why = status.status === "completed" ? "it is completed" : words.why;
  return html`<div class="panel-body campaign-body">
    <p data-field="eta" data-value=${eta?.p50 ?? ""}>
      ${why
        ? html`<b class="campaign-eta">—</b> <span class="hint">No estimate: ${why}.</span>`
        : html`<b class="campaign-eta">${words.at}</b>${" "}
            <span class="hint">${words.range} 80% likely</span>`}
    </p>
    ${limit && html`<p data-field="binding" data-value=${forecast.binding}>${limit}</p>`}
    <dl class="campaign-facts">
      <${Fact} field="attempts" word="Attempts to go" value=${remaining.attempts} />
      <${Fact} field="perMinute" word="Calls a minute" value=${perMinute} />
      <${Fact} field="capCps" word="CPS allows, a minute" value=${caps.cps} />
      <${Fact} field="capLines" word="Lines allow, a minute" value=${caps.concurrency} />
    </dl>
  </div>`;
}

function Fact({ field, word, value }) {
  return html`<div>
    <dt>${word}</dt>
    <dd data-field=${field} data-value=${value ?? ""}>${count(value)}</dd>
  </div>`;
}
