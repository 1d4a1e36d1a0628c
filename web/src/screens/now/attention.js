/** What is wrong now, in one list; or that nothing is. */

import { useRead } from "../../reads.js";
import { needsAttention } from "../../store/attention.js";
import { ago, plural } from "../../store/format.js";
import { hrefOf } from "../../store/route.js";
import { ALERTS_EVERY_MS, ALERTS_PATH } from "../../views/bell.js";
import { SYSTEM_EVERY_MS, SYSTEM_PATH } from "../../views/feeds.js";
import { html } from "../../views/html.js";
import { Icon } from "../../views/icons.js";
import { Panel, Reading } from "../../views/panel.js";

export function Attention({ page }) {
  const read = useRead(page, ALERTS_PATH, ALERTS_EVERY_MS);
  const { data: system } = useRead(page, SYSTEM_PATH, SYSTEM_EVERY_MS);
  const items = needsAttention({
    firing: read.data?.firing ?? null,
    live: page.board.live.value,
    feeds: system?.feeds ?? null,
  });
  const empty = html`<p class="attention-none">
    <${Icon} name="completed" /> Nothing needs attention.
  </p>`;
  return html`<${Panel}
    id="attention"
    title="Needs attention"
    hint=${items.length > 0 && plural(items.length, "thing")}
    actions=${html`<a href=${hrefOf("alerts")}>All alerts</a>`}
    className="attention"
    testid="attention"
  >
    <${Reading} page=${page} read=${read} what="the alerts" isEmpty=${() => items.length === 0} empty=${empty}>
      ${() => html`<${Items} board=${page.board} items=${items} />`}
    <//>
  <//>`;
}

function Items({ board, items }) {
  return html`<ul class="attention-items">
    ${items.map(
      ({ key, severity, title, seen, since, href }) => html`<li
        key=${key}
        class=${`attention-${severity}`}
        data-severity=${severity}
      >
        <${Icon} name=${severity === "critical" ? "failed" : "alert"} />
        <span class="visually-hidden">${severity === "critical" ? "Critical" : "Warning"}:</span>
        <a href=${href}>${title}</a>
        <span class="attention-seen">${seen}</span>
        ${since !== null && html`<${Age} board=${board} since=${since} />`}
      </li>`,
    )}
  </ul>`;
}

/** A component of its own: each second only this is rendered. */
function Age({ board, since }) {
  return html`<span class="hint">${ago(board.wall.value - since)}</span>`;
}
