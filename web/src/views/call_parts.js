/** Parts of a call's row that several tables show. */

import { describe } from "../store/statuses.js";
import { html } from "./html.js";
import { Icon } from "./icons.js";

export function State({ status, stale = false }) {
  const { word, icon, tone } = describe(status);
  if (stale) {
    return html`<span class="state tone-idle" data-stale title="No news for unusually long">
      <${Icon} name="unknown" />${word}<span class="visually-hidden">, no news</span>
    </span>`;
  }
  return html`<span class="state tone-${tone}"><${Icon} name=${icon} />${word}</span>`;
}

export function Who({ name, number, children }) {
  return html`<span class="who">
    <span class="who-name">${name ?? number ?? "Unknown"}</span>
    ${name && number && html` <span class="who-number">${number}</span>`}${children}
  </span>`;
}
