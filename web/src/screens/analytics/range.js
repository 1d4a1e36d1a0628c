/** Which days, and whose calls. */

import { RANGES } from "../../store/analytics.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

const WORDS = { today: "Today", yesterday: "Yesterday" };

export function RangePicker({ page, wanted, csv }) {
  const { board, address } = page;
  const choose = (range) => address.set({ range, from: null, to: null });
  const between = (changes) =>
    address.set({ range: null, from: wanted.from, to: wanted.to, ...changes });
  return html`<header class="screen-head">
    <h2>Analytics</h2>
    <div class="chips" role="group" aria-label="Days">
      ${Object.keys(RANGES).map(
        (name) => html`<button
          key=${name}
          type="button"
          class="chip"
          aria-pressed=${String(wanted.range === name)}
          onClick=${() => choose(name)}
        >
          ${WORDS[name] ?? name.replace("d", " days")}
        </button>`,
      )}
    </div>
    <label class="field">
      From
      <input type="date" name="from" value=${wanted.from} max=${wanted.to} onChange=${(event) => between({ from: event.target.value })} />
    </label>
    <label class="field">
      to
      <input type="date" name="to" value=${wanted.to} min=${wanted.from} onChange=${(event) => between({ to: event.target.value })} />
    </label>
    <label class="field">
      Campaign
      <select name="campaign" onChange=${(event) => address.set({ campaign: event.target.value || null })}>
        <option value="" selected=${!wanted.campaign}>all</option>
        ${(board.campaigns.value ?? []).map(
          ({ campaignId: id, name }) =>
            html`<option key=${id} value=${id} selected=${id === wanted.campaign}>${name}</option>`,
        )}
      </select>
    </label>
    <div class="panel-actions">
      <a class="button" href=${csv} download><${Icon} name="download" />CSV</a>
    </div>
  </header>`;
}
