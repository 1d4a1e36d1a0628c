/** Campaigns: how far each has come, and how well it goes. */

import { progressOf } from "../store/figures.js";
import { count, percent } from "../store/format.js";
import { sentence } from "../store/statuses.js";
import { html } from "./html.js";

export function CampaignList({ board }) {
  const campaigns = board.campaigns.value;
  const problem = board.problems.value.campaigns;
  return html`<section class="panel" aria-labelledby="campaigns-title">
    <header class="panel-head">
      <h2 id="campaigns-title">Campaigns</h2>
      ${campaigns?.length > 0 && html`<span class="hint">${count(campaigns.length)}</span>`}
    </header>
    ${problem && html`<p class="panel-problem">${problem}. Trying again.</p>`}
    ${!campaigns && !problem && html`<p class="empty">Loading campaigns…</p>`}
    ${campaigns?.length === 0 &&
    html`<p class="empty">
      No campaigns yet. A call belongs to one when its callback URL carries <code>campaignId</code>.
    </p>`}
    ${campaigns?.length > 0 &&
    html`<ul class="campaigns" tabindex="0" aria-labelledby="campaigns-title">
      ${campaigns.map((row) => html`<${Campaign} key=${row.campaignId} campaign=${row} />`)}
    </ul>`}
  </section>`;
}

function Campaign({ campaign }) {
  const progress = progressOf(campaign);
  const known = campaign.status !== "unknown";
  return html`<li class="campaign" data-campaign=${campaign.campaignId}>
    <div class="campaign-head">
      <h3 title=${campaign.campaignId}>${campaign.name}</h3>
      ${known && html`<span class="badge badge-${campaign.status}">${sentence(campaign.status)}</span>`}
      <span
        class="campaign-rate"
        data-field="successRate"
        data-value=${campaign.successRate ?? ""}
        title="Completed calls of all calls that ended"
      >
        ${percent(campaign.successRate)}<span class="visually-hidden"> success rate</span>
      </span>
    </div>
    <${Progress} ...${progress} />
    <ul class="campaign-figures">
      <${Figure} field="completed" word="completed" value=${progress.completed} />
      <${Figure} field="failed" word="unsuccessful" value=${progress.failed} />
      <${Figure} field="active" word="active" value=${progress.active} />
      <${Figure} field="remaining" word="to go" value=${progress.remaining} />
      <li class="campaign-total">
        ${campaign.totalContacts === null
          ? `of ${count(progress.total)} calls`
          : `of ${count(campaign.totalContacts)} contacts`}
      </li>
    </ul>
  </li>`;
}

function Progress({ completed, failed, active, total, ended }) {
  const parts = [
    ["completed", completed],
    ["failed", failed],
    ["active", active],
  ];
  let x = 0;
  return html`<svg
    class="progress"
    role="img"
    aria-label=${`${count(ended)} of ${count(total)} ended`}
    viewBox="0 0 100 1"
    preserveAspectRatio="none"
  >
    <rect class="progress-rest" width="100" height="1" />
    ${total > 0 &&
    parts.map(([name, value]) => {
      const width = (100 * value) / total;
      const bar = html`<rect key=${name} class="progress-${name}" x=${x} width=${width} height="1" />`;
      x += width;
      return bar;
    })}
  </svg>`;
}

function Figure({ field, word, value }) {
  return html`<li class="figure figure-${field}" data-field=${field} data-value=${value}>
    <b>${count(value)}</b> ${word}
  </li>`;
}
