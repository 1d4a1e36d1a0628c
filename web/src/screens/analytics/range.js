/** Which days, and whose calls. */

import { RANGES, rangeBefore } from "../../store/analytics.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

const WORDS = { today: "Today", yesterday: "Yesterday" };

export function RangePicker({ page, wanted, csv }) {
  const { board, address } = page;
  const choose = (range) => address.set({ range, from: null, to: null });
  const between = (from, to) => from && to && address.set({ range: null, from, to });
  const before = rangeBefore(wanted);
  // A date beyond the other takes it along.
  const first = ({ target: { value } }) => between(value, value > wanted.to ? value : wanted.to);
  const last = ({ target: { value } }) => between(value < wanted.from ? value : wanted.from, value);
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
      <input type="date" name="from" value=${wanted.from} onChange=${first} />
    </label>
    <label class="field">
      to
      <input type="date" name="to" value=${wanted.to} onChange=${last} />
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
    <button
      type="button"
      class="chip"
      name="compare"
      aria-pressed=${String(wanted.compares)}
      onClick=${() => address.set({ compare: wanted.compares ? "off" : null })}
    >
      Against ${before.from}${before.from === before.to ? "" : ` to ${before.to}`}
    </button>
    <div class="panel-actions">
      <a class="button" href=${csv} download><${Icon} name="download" />CSV</a>
    </div>
  </header>`;
}
