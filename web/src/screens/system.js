/** System: whether what the board shows can be believed, and what to do when it cannot. */

import { useRead } from "../reads.js";
import { span } from "../store/format.js";
import { staleTone, stalenessSentence } from "../store/system.js";
import { Explain } from "../views/explain.js";
import { SYSTEM_EVERY_MS, SYSTEM_PATH } from "../views/feeds.js";
import { html } from "../views/html.js";
import { Icon } from "../views/icons.js";
import { Reading } from "../views/panel.js";
import { Cache } from "./system/cache.js";
import { FeedCards } from "./system/feed_cards.js";
import { Figures } from "./system/figures.js";
import { ThisPage } from "./system/this_page.js";
import { ViewAges } from "./system/view_ages.js";

export function SystemScreen({ page }) {
  const read = useRead(page, SYSTEM_PATH, SYSTEM_EVERY_MS);
  const { board } = page;
  return html`
    <div class="screen-head">
      <h2>System</h2>
      ${read.data && html`<${Running} board=${board} system=${read.data} />`}
    </div>
    <${Reading} page=${page} read=${read} what="the system's state">
      ${(system) => html`
        <${Staleness} board=${board} boundS=${system.stalenessBoundS} at=${read.at} />
        <${FeedCards} page=${page} feeds=${system.feeds ?? []} at=${read.at} />
        <${Figures} board=${board} system=${system} at=${read.at} />
        <${ViewAges} board=${board} views=${system.views} at=${read.at} />
      `}
    <//>
    <${ThisPage} page=${page} />
    ${board.session.value?.scopes?.includes("admin") && html`<${Cache} page=${page} />`}
  `;
}

function Running({ board, system }) {
  const started = Date.parse(system.startedAt ?? "");
  const up = Number.isNaN(started) ? null : Math.max(0, (board.wall.value - started) / 1000);
  return html`<p class="hint">
    ${system.version && html`callboard <span data-field="version" data-value=${system.version}>${system.version}</span>`}
    ${up !== null && html`<span data-field="up" data-value=${Math.floor(up)}> · up for ${span(Math.floor(up))}</span>`}
  </p>`;
}

function Staleness({ board, boundS, at }) {
  const tone = staleTone(boundS);
  const icon = tone === "good" ? "completed" : "alert";
  return html`<p
    class=${`staleness ${tone ? `tone-${tone}` : "tone-warn"}`}
    data-testid="staleness"
    data-value=${boundS ?? ""}
  >
    <${Icon} name=${icon} />
    <${Explain}
      board=${board}
      label=${stalenessSentence(boundS)}
      definition="How far the view that is furthest behind may lag the webhooks that were stored, by the server's word. The way to this page is not in it."
      at=${at}
    />
  </p>`;
}
