/** The lamps of the two vendors: whether their webhooks come, and when the last one came. */

import { useRead } from "../reads.js";
import { ago } from "../store/format.js";
import { describeFeed } from "../store/feeds.js";
import { hrefOf } from "../store/route.js";
import { html } from "./html.js";

export const SYSTEM_PATH = "/api/system";
export const SYSTEM_EVERY_MS = 5_000;

export function Feeds({ page }) {
  const { data } = useRead(page, SYSTEM_PATH, SYSTEM_EVERY_MS);
  if (!data) return null;
  return html`<ul class="feeds" aria-label="Feeds">
    ${data.feeds.map((feed) => html`<${Lamp} key=${feed.vendor} page=${page} feed=${feed} />`)}
  </ul>`;
}

function Lamp({ page, feed }) {
  const { word, tone, name } = describeFeed(feed);
  // The clock of the board: an age that stands still would be a lie.
  const last = feed.lastAt ? ago(page.board.wall.value - Date.parse(feed.lastAt)) : "no event yet";
  return html`<li data-feed=${feed.vendor} data-tone=${tone}>
    <a class="feed" href=${hrefOf("system")} title=${`${name}: ${word}, last event ${last}`}>
      <span class=${`lamp lamp-${tone}`} aria-hidden="true"></span>
      <span>${name}<span class="visually-hidden">: ${word},</span></span>
      <span class="feed-age">${last}</span>
    </a>
  </li>`;
}
