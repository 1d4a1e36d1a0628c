/** What both lists of alerts are made of. */

import { vendorName } from "../../store/feeds.js";
import { sentence } from "../../store/statuses.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";

/** Icon, word and colour. */
export function Severity({ severity }) {
  const critical = severity === "critical";
  return html`<span class=${`severity ${critical ? "tone-bad" : "tone-warn"}`}>
    <${Icon} name=${critical ? "alert" : "no-answer"} />${sentence(severity)}
  </span>`;
}

/** The server's words; what stands between backticks is for a machine. */
export function Words({ text }) {
  return text.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
}

/** Which vendor, view or campaign it is about; nothing where there is only one. */
export function About({ page, alert: { rule, label } }) {
  if (!label) return null;
  const word = rule === "campaign_stalled" ? page.board.campaignName(label) : vendorName(label);
  return html`<span class="alert-about" data-field="label" data-value=${label}>${word}</span>`;
}
