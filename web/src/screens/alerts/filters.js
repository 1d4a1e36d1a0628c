/** Which alerts are shown; the address says so too. */

import { SEVERITIES, STATES } from "../../store/alerts.js";
import { sentence } from "../../store/statuses.js";
import { html } from "../../views/html.js";

export function Filters({ page, asked, rules, history }) {
  const isAsked = Object.values(asked).some((value) => value !== null);
  const clear = () => page.address.set({ rule: null, severity: null, state: null });
  return html`<div class="alert-filters filters" role="group" aria-label="Filters">
    <${Choice} page=${page} name="rule" label="Rule" asked=${asked} options=${titles(rules, history, asked)} />
    <${Choice} page=${page} name="severity" label="Severity" asked=${asked} options=${words(SEVERITIES)} />
    <${Choice} page=${page} name="state" label="State" asked=${asked} options=${words(STATES)} />
    ${isAsked &&
    html`<button type="button" class="button small" onClick=${clear}>Show all</button>`}
  </div>`;
}

function Choice({ page, name, label, asked, options }) {
  const change = (event) => page.address.set({ [name]: event.target.value || null });
  return html`<label class="field">
    ${label}
    <select name=${name} value=${asked[name] ?? ""} onChange=${change}>
      <option value="">All</option>
      ${options.map(([value, word]) => html`<option key=${value} value=${value}>${word}</option>`)}
    </select>
  </label>`;
}

/** Every rule there is, and those of which there is still history, or an address. */
function titles(rules, history, { rule }) {
  const found = new Map(rules.map(({ name, title }) => [name, title]));
  for (const entry of history) if (!found.has(entry.rule)) found.set(entry.rule, entry.title);
  if (rule !== null && !found.has(rule)) found.set(rule, rule);
  return [...found];
}

function words(values) {
  return values.map((value) => [value, sentence(value)]);
}
