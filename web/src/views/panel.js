/** A titled part of a screen, and what it shows while there is nothing to show. */

import { ago } from "../store/format.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

/** A section with its heading; `actions` stand at the right end of the heading's line. */
export function Panel({ id, title, hint, actions, className = "", testid, children }) {
  return html`<section
    class=${`panel ${className}`}
    aria-labelledby=${`${id}-title`}
    data-testid=${testid}
  >
    <header class="panel-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${hint && html`<span class="hint">${hint}</span>`}
      ${actions && html`<div class="panel-actions">${actions}</div>`}
    </header>
    ${children}
  </section>`;
}

/**
 * What was read of the server, or why it is not there.
 *
 * `children` is a function of the data. `what` names it in a sentence ("today's alerts");
 * `empty` is shown when `isEmpty(data)`. Old data stays, and says how old it is.
 */
export function Reading({ page, read, what, isEmpty = () => false, empty, children }) {
  const { data, error, at, loading } = read;
  const again = () => page.reads.again();
  if (data === null && error) {
    return html`<div class="empty" role="group" data-state="error">
      <p class="empty-title"><${Icon} name="alert" /> Could not read ${what}</p>
      <p>${sentenceOf(error)}</p>
      <button type="button" class="button small" onClick=${again}>Try again</button>
    </div>`;
  }
  if (data === null || loading) {
    return html`<p class="empty waiting" data-state="loading">Loading ${what}…</p>`;
  }
  return html`
    ${error &&
    html`<p class="panel-problem" data-state="old">
      <${Icon} name="alert" /> Read ${ago(page.board.wall.value - at)}; since then:
      ${" "}${error.message}. Trying again.
    </p>`}
    ${isEmpty(data) ? html`<div class="empty" data-state="empty">${empty}</div>` : children(data)}
  `;
}

function sentenceOf(error) {
  const text = error.message;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
