/** One bar of a `<ol class="bar-list">`: a name that leads to its calls, how many, and their share. */

import { count, percent } from "../store/format.js";
import { html } from "./html.js";

/** `note` stands where the share of `whole` would, when given. */
export function Bar({ field, word, value, whole, tone = "active", href, note }) {
  const share = whole ? (100 * value) / whole : null;
  return html`<li data-field=${field} data-value=${value}>
    <a href=${href}>${word}</a>
    <span><b>${count(value)}</b> <span class="hint">${note ?? percent(share)}</span></span>
    <svg class="progress" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect class="progress-rest" width="100" height="1" />
      <rect class=${`progress-${tone}`} width=${Math.min(100, share ?? 0)} height="1" />
    </svg>
  </li>`;
}
