/** Filters under a name: some that everybody needs, and those kept in this browser. */

import { useSignal } from "@preact/signals";

import { callQuery } from "../../store/call_query.js";
import { FAILED_STATUSES } from "../../store/causes.js";
import { nameOfRange, rangeOf } from "../../store/ranges.js";
import { hrefOf } from "../../store/route.js";
import { readViews, withoutView, withView, writeViews } from "../../store/saved_views.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

const FAILED = { status: FAILED_STATUSES.join(",") };

const READY_MADE = [
  { name: "Failed, last hour", query: FAILED, range: "hour" },
  { name: "Failed this morning", query: FAILED, range: "morning" },
  { name: "Failed today", query: FAILED, range: "today" },
  { name: "Goal missed today", query: { success: "false" }, range: "today" },
  { name: "Voicemail today", query: { outcome: "voicemail" }, range: "today" },
];

export function Views({ page, filter }) {
  const { zone } = page.board.zone.value;
  const now = page.board.wall.value;
  const views = useSignal(readViews(localStorage));
  const problem = useSignal(null);
  const keep = (next) => {
    views.value = next;
    problem.value = writeViews(localStorage, next) ? null : "This browser keeps nothing.";
  };
  const save = (event) => {
    event.preventDefault();
    const field = event.target.elements.view;
    // A view of today is one of the day on which it is opened.
    const range = nameOfRange(filter, now, zone);
    const asked = Object.entries(callQuery(range ? { ...filter, since: null, until: null } : filter));
    const query = Object.fromEntries(asked.filter(([, value]) => value !== null));
    keep(withView(views.value, { name: field.value, query, range }));
    field.value = "";
  };
  const close = (event) => {
    const left = event.type === "focusout" && event.relatedTarget && !event.currentTarget.contains(event.relatedTarget);
    if (event.key === "Escape") event.currentTarget.querySelector("summary").focus();
    if (left || event.key === "Escape") event.currentTarget.removeAttribute("open");
  };
  return html`<details class="views" data-testid="views" onKeyDown=${close} onFocusOut=${close}>
    <summary class="button small">Views${views.value.length > 0 && ` (${views.value.length})`}</summary>
    <div class="views-list">
      <h3>Ready-made</h3>
      <ul>${READY_MADE.map((view) => html`<${View} key=${view.name} ...${view} now=${now} zone=${zone} />`)}</ul>
      <h3>Saved in this browser</h3>
      ${views.value.length === 0 && html`<p class="hint">None yet.</p>`}
      <ul>
        ${views.value.map(
          (view) => html`<${View}
            key=${view.name}
            ...${view}
            now=${now}
            zone=${zone}
            remove=${() => keep(withoutView(views.value, view.name))}
          />`,
        )}
      </ul>
      <form onSubmit=${save}>
        <label class="field">
          Save this filter as
          <input name="view" required maxlength="40" autocomplete="off" />
        </label>
        <button type="submit" class="button small">Save</button>
      </form>
      ${problem.value && html`<p class="tone-bad">${problem.value}</p>`}
    </div>
  </details>`;
}

function View({ name, query, range, now, zone, remove }) {
  const href = hrefOf("calls", { query: range ? { ...query, ...rangeOf(range, now, zone) } : query });
  const close = (event) => event.target.closest("details").removeAttribute("open");
  return html`<li>
    <a href=${href} onClick=${close} data-view=${name}>${name}</a>
    ${remove &&
    html`<button type="button" class="button quiet small" aria-label=${`Delete the view ${name}`} onClick=${remove}>
      <${Icon} name="close" />
    </button>`}
  </li>`;
}
