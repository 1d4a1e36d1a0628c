/** The text box and the status chips over the live calls. */

import { count } from "../store/format.js";
import { countByStatus, GROUPS } from "../store/rows.js";
import { describe, LIVE_STATUSES } from "../store/statuses.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

export function LiveFilters({ board, calls, by }) {
  const { text, statuses } = board.filter.value;
  const counts = countByStatus(calls);
  const type = (event) => board.setFilter({ text: event.target.value, statuses });
  const toggle = (status) => {
    const on = statuses.includes(status);
    const next = on ? statuses.filter((other) => other !== status) : [...statuses, status];
    board.setFilter({ text, statuses: next });
  };
  return html`<div class="filters">
    <label class="search">
      <${Icon} name="search" />
      <span class="visually-hidden">Filter live calls</span>
      <input
        type="search"
        name="filter"
        placeholder="Name, number, campaign, agent or SID"
        autocomplete="off"
        spellcheck=${false}
        value=${text}
        onInput=${type}
      />
    </label>
    <div class="chips" role="group" aria-label="Filter by state">
      ${LIVE_STATUSES.map(
        (status) => html`<${Chip}
          key=${status}
          status=${status}
          calls=${counts[status]}
          pressed=${statuses.includes(status)}
          onClick=${() => toggle(status)}
        />`,
      )}
    </div>
    <label class="field group-by">
      Group by
      <select
        name="group"
        value=${by ?? ""}
        onChange=${(event) => board.address.set({ group: event.target.value || null })}
      >
        <option value="">nothing</option>
        ${GROUPS.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select>
    </label>
  </div>`;
}

function Chip({ status, calls, pressed, onClick }) {
  const { word, icon, tone } = describe(status);
  return html`<button
    type="button"
    class="chip tone-${tone}"
    aria-pressed=${String(pressed)}
    data-chip=${status}
    onClick=${onClick}
  >
    <${Icon} name=${icon} />${word} <b>${count(calls)}</b>
  </button>`;
}
