/** Running campaigns: how far each has come, how well it goes, and when it will be done. */

import { useRead } from "../reads.js";
import { etaWords } from "../store/eta.js";
import { isRunning, progressOf } from "../store/figures.js";
import { count, percent, plural } from "../store/format.js";
import { hrefOf } from "../store/route.js";
import { sentence } from "../store/statuses.js";
import { html } from "./html.js";

// Each forecast is a read of its own.
export const FORECASTS_MAX = 6;
const FORECAST_EVERY_MS = 30_000;

export function CampaignList({ page }) {
  const campaigns = page.board.campaigns.value;
  const problem = page.board.problems.value.campaigns;
  const running = campaigns?.filter(isRunning);
  return html`<section class="panel" aria-labelledby="campaigns-title" data-testid="campaigns">
    <header class="panel-head">
      <h2 id="campaigns-title">Running campaigns</h2>
      ${campaigns?.length > 0 &&
      html`<span class="hint">${count(running.length)} of ${count(campaigns.length)}</span>`}
      <a class="panel-actions" href=${hrefOf("campaigns")}>All</a>
    </header>
    ${problem && html`<p class="panel-problem">${problem}. Trying again.</p>`}
    ${!campaigns && !problem && html`<p class="empty">Loading campaigns…</p>`}
    ${campaigns?.length === 0 &&
    html`<p class="empty">
      No campaigns yet. A call belongs to one when its callback URL carries <code>campaignId</code>.
    </p>`}
    ${campaigns?.length > 0 && running.length === 0 && html`<p class="empty">No campaign is running.</p>`}
    ${running?.length > 0 &&
    html`<ul class="campaigns" tabindex="0" aria-labelledby="campaigns-title">
      ${running.map(
        (row, at) =>
          html`<${Campaign} key=${row.campaignId} page=${page} campaign=${row} foretold=${at < FORECASTS_MAX} />`,
      )}
    </ul>`}
  </section>`;
}

export function Campaign({ page, campaign, foretold }) {
  const { campaignId: id, name, status } = campaign;
  const progress = progressOf(campaign);
  const known = status !== "unknown";
  return html`<li class="campaign" data-campaign=${id}>
    <div class="campaign-head">
      <h3 title=${id}><a class="plain-link" href=${hrefOf("campaign", { id })}>${name}</a></h3>
      ${known && html`<span class="badge badge-${status}">${sentence(status)}</span>`}
      <span
        class="campaign-rate"
        data-field="successRate"
        data-value=${campaign.successRate ?? ""}
        title="Completed calls of all calls that ended"
      >
        ${percent(campaign.successRate)}<span class="visually-hidden"> completed</span>
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
          ? `of ${plural(progress.total, "call")}`
          : `of ${plural(campaign.totalContacts, "contact")}`}
      </li>
    </ul>
    ${foretold && html`<${Eta} page=${page} id=${id} />`}
  </li>`;
}

/** When it will be done, with its range and what limits it; or why nobody can tell. */
export function Eta({ page, id }) {
  const path = `/api/campaigns/${encodeURIComponent(id)}/forecast`;
  const { data, at } = useRead(page, path, FORECAST_EVERY_MS);
  const { moment } = page.board.zone.value;
  const words = etaWords(data, (ms) => moment(ms, at));
  if (words === null) return null;
  const value = data.eta?.p50 ?? "";
  if (words.why) {
    return html`<p class="eta hint" data-field="eta" data-value=${value}>ETA —: ${words.why}</p>`;
  }
  return html`<p class="eta" data-field="eta" data-value=${value}>
    Done about <b>${words.at}</b>${" "}
    <span class="hint">(${words.range}${words.limit && `, ${words.limit}`})</span>
  </p>`;
}

export function Progress({ completed, failed, active, total, ended }) {
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

export function Figure({ field, word, value }) {
  return html`<li class="figure figure-${field}" data-field=${field} data-value=${value}>
    <b>${count(value)}</b> ${word}
  </li>`;
}

/** Return a rate as a table's cell: its bare value, and how it reads. */
export function shareCell({ value, numerator, denominator }) {
  const share = html`<span class="hint">${count(numerator)}/${count(denominator)}</span>`;
  return [value, html`${percent(value)} ${share}`];
}
