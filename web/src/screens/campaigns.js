/** Campaigns: every one, how far it has come and how well it goes. */

import { listed, readList, STATES } from "../store/campaigns.js";
import { count, plural } from "../store/format.js";
import { sentence } from "../store/statuses.js";
import { html } from "../views/html.js";
import { Icon } from "../views/icons.js";
import { NewCampaign } from "./campaigns/new_campaign.js";
import { mayWrite } from "./campaigns/parts.js";
import { Table } from "./campaigns/table.js";

export function CampaignsScreen({ page }) {
  const { board, address } = page;
  const campaigns = board.campaigns.value;
  const problem = board.problems.value.campaigns;
  const { query } = address.route.value;
  const wish = readList(query);
  const rows = listed(campaigns ?? [], wish);
  const none = campaigns?.length === 0;
  return html`
    <section class="panel" aria-labelledby="campaigns-title" data-testid="campaigns">
      <header class="panel-head">
        <h2 id="campaigns-title">Campaigns</h2>
        ${campaigns && html`<span class="hint">${shown(rows.length, campaigns.length)}</span>`}
      </header>
      ${campaigns?.length > 0 && html`<${Filters} address=${address} query=${query} state=${wish.state} />`}
      ${problem && html`<p class="panel-problem" data-state="old">${problem}. Trying again.</p>`}
      ${!campaigns && !problem && html`<p class="empty waiting" data-state="loading">Loading campaigns…</p>`}
      ${none && html`<${None} />`}
      ${rows.length > 0 && html`<${Table} page=${page} rows=${rows} wish=${wish} />`}
      ${campaigns?.length > 0 && rows.length === 0 && html`<${NoMatch} address=${address} />`}
    </section>
    ${campaigns && mayWrite(page) && html`<${NewCampaign} page=${page} open=${none} />`}
  `;
}

function shown(some, all) {
  return some === all ? plural(all, "campaign") : `${count(some)} of ${plural(all, "campaign")}`;
}

function Filters({ address, query, state }) {
  return html`<div class="filters">
    <label class="search">
      <${Icon} name="search" />
      <span class="visually-hidden">Filter campaigns</span>
      <input
        type="search"
        name="filter"
        placeholder="Name or id"
        autocomplete="off"
        spellcheck=${false}
        value=${query.q ?? ""}
        onInput=${(event) => address.set({ q: event.target.value || null })}
      />
    </label>
    <label class="field">
      State
      <select
        name="state"
        value=${state}
        onChange=${(event) => address.set({ state: event.target.value || null })}
      >
        <option value="">any</option>
        ${STATES.map((name) => html`<option key=${name} value=${name}>${sentence(name)}</option>`)}
      </select>
    </label>
  </div>`;
}

function NoMatch({ address }) {
  return html`<div class="empty">
    <p>No campaign matches the filter.</p>
    <button type="button" class="button small" onClick=${() => address.set({ q: null, state: null })}>
      Clear the filter
    </button>
  </div>`;
}

function None() {
  return html`<div class="empty" data-state="empty">
    <p class="empty-title">No campaigns yet.</p>
    <p>
      A call belongs to one when its callback URL names it:${" "}
      <code>${location.origin}/webhook/call-status?campaignId=…</code>
    </p>
  </div>`;
}
