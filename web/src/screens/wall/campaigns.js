/** The wall's campaigns: a bar each, as many as can be read. */

import { count, percent, plural } from "../../store/format.js";
import { isRunning, progressOf } from "../../store/figures.js";
import { Eta, FORECASTS_MAX, Progress } from "../../views/campaigns.js";
import { html } from "../../views/html.js";

export function Campaigns({ page }) {
  const campaigns = page.board.campaigns.value;
  if (campaigns === null) return html`<p class="wall-empty">Loading campaigns…</p>`;
  const running = campaigns.filter(isRunning);
  if (running.length === 0) return html`<p class="wall-empty">No campaign is running.</p>`;
  const shown = running.slice(0, FORECASTS_MAX);
  const more = running.length - shown.length;
  return html`<ul class="wall-campaigns">
    ${shown.map((row) => html`<${Campaign} key=${row.campaignId} page=${page} campaign=${row} />`)}
    ${more > 0 && html`<li class="wall-small">and ${plural(more, "other")}</li>`}
  </ul>`;
}

function Campaign({ page, campaign }) {
  const progress = progressOf(campaign);
  const { ended, total, active } = progress;
  return html`<li class="wall-campaign" data-campaign=${campaign.campaignId}>
    <div class="wall-campaign-head">
      <h2>${campaign.name}</h2>
      <b>${percent(total ? (100 * ended) / total : null)} done</b>
    </div>
    <${Progress} ...${progress} />
    <div class="wall-small">
      <span>${count(ended)} of ${count(total)} ended · ${count(active)} active</span>
      <${Eta} page=${page} id=${campaign.campaignId} />
    </div>
  </li>`;
}
