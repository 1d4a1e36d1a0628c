/** The feed of each vendor: whether its webhooks come, how many, and what to do if they do not. */

import { describeFeed } from "../../store/feeds.js";
import { ago, count, UNKNOWN } from "../../store/format.js";
import { Explain } from "../../views/explain.js";
import { html } from "../../views/html.js";
import { Panel } from "../../views/panel.js";

const FIGURES = [
  ["lastMinute", "Last minute", "Webhooks of this vendor that were taken in the last 60 seconds."],
  ["lastHour", "Last hour", "Webhooks of this vendor that were taken in the last 60 minutes."],
  ["refused", "Refused", "Webhooks that were not signed as they must be, and answered with 403."],
];

export function FeedCards({ page, feeds, at }) {
  return html`<${Panel} id="feeds" title="Feeds" hint="webhooks of the vendors" testid="feeds">
    ${feeds.length > 0
      ? html`<ul class="feed-cards">
          ${feeds.map((feed) => html`<${Card} key=${feed.vendor} page=${page} feed=${feed} at=${at} />`)}
        </ul>`
      : html`<p class="empty" data-state="empty">The server tells of no feed.</p>`}
  <//>`;
}

function Card({ page, feed, at }) {
  const { name, word, tone, advice } = describeFeed(feed);
  const { board } = page;
  return html`<li class="feed-card" data-feed=${feed.vendor} data-tone=${tone}>
    <h3>
      <span class=${`lamp lamp-${tone}`} aria-hidden="true"></span> ${name}:${" "}
      <span class=${`tone-${tone}`}>${word}</span>
    </h3>
    ${advice && html`<p>${advice}</p>`}
    <dl class="pairs">
      <${LastEvent} board=${board} lastAt=${feed.lastAt} />
      ${FIGURES.map(
        ([field, label, definition]) => html`<div key=${field}>
          <dt><${Explain} board=${board} label=${label} definition=${definition} at=${at} /></dt>
          <dd data-field=${field} data-value=${feed[field] ?? ""}>${count(feed[field])}</dd>
        </div>`,
      )}
      <div>
        <dt>
          <${Explain}
            board=${board}
            label="Silent"
            definition="Calls are live and nothing has come for long, as the alert rule of that name sees it. While nothing is to be told, no silence counts."
            at=${at}
          />
        </dt>
        <dd data-field="silent" data-value=${feed.silent ?? ""}>${yesNo(feed.silent)}</dd>
      </div>
    </dl>
  </li>`;
}

function LastEvent({ board, lastAt }) {
  const at = lastAt ? Date.parse(lastAt) : null;
  return html`<div>
    <dt>
      <${Explain} board=${board} label="Last event" definition="When the newest webhook of this vendor was taken." />
    </dt>
    <dd data-field="lastAt" data-value=${lastAt ?? ""}>
      ${at === null ? UNKNOWN : ago(board.wall.value - at)}
    </dd>
  </div>`;
}

function yesNo(value) {
  if (value === null || value === undefined) return UNKNOWN;
  return value ? "Yes" : "No";
}
